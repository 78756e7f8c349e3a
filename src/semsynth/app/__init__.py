"""The painting application: a local web page on one side, one worker with the model on the other."""
