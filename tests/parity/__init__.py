"""Does this code compute what the published implementations compute? `python -m tests.parity FILE...`

The files hold tensors recorded from those implementations, with their weights; see `check.check_file`.
"""
