"""Rules by their names. A rule is a function of what an overlay renders to; it yields what breaks it."""

RULES = {}


def rule(function):
    RULES[function.__name__.replace("_", "-")] = function
    return function


def broken(rendered):
    """(rule, what breaks it), of all rules."""
    return [(name, finding) for name, function in RULES.items() for finding in function(rendered)]
