"""The errors that become an answer: the status code is the class's, the sentence the instance's."""

from fastapi import status


class ServiceError(Exception):
    """Raise it, never return it: raising is what rolls the request's transaction back."""

    code = status.HTTP_500_INTERNAL_SERVER_ERROR
