"""The one kind of error a user is meant to read: a whole sentence, shown without a traceback."""


class SemsynthError(Exception):
    """Something the user gave cannot be used.

    The message is a sentence: what was found, in which file, what is allowed, what to do. The command line
    prints it and exits with code 2.
    """
