"""Answers the requests of bench/peer.cjs: one JSON object a line on either side."""

import json
import sys


def serve(*commands, after_failure=lambda: None):
    """Each command is a function of the request, by its name, that returns the answer. Ends with standard input."""
    by_name = {command.__name__: command for command in commands}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = by_name[request["command"]](request)
        except Exception as error:  # the benchmark goes on without this figure and says why
            answer = {"error": f"{type(error).__name__}: {error}"}
            after_failure()
        print(json.dumps(answer), flush=True)
