"""Reasons and actions as sentences: from codes and numbers, which is all that crosses the wire."""

from collections.abc import Sequence

from stream.model.risk import BASE_TERMS
from stream.pipeline.actions import Action
from stream.texts.languages import ENGLISH, Language

__all__ = ["action_words", "reason_words", "reasons_words"]


def reason_words(
    score: str,
    code: str,
    contribution: float,
    observed: float | None = None,
    usual: float | None = None,
    language: Language = ENGLISH,
    dimension: str = "",
) -> str:
    """One reason as a clause, numbers in brackets where they are known; a code without words as it is.

    Args:
        score: "trust" or "churn_risk".
        code: of the reason.
        contribution: its sign chooses the words.
        observed: what was seen.
        usual: beside it.
        language: of the words.
        dimension: of a trust reason; named in the brackets if given.
    """
    words = (language.trust if score == "trust" else language.churn).get(code)
    if words is None:
        return code
    text = words[0] if contribution > 0 else words[1]
    parts = [language.phrases[dimension]] if dimension else []
    if score == "trust" and dimension and observed is not None and usual is not None:
        parts.append(language.say("grade", observed=observed, usual=usual))
    elif score != "trust" and observed is not None and code in language.numbers:
        seen, beside = language.numbers[code]
        parts.append(language.fill(seen, observed=observed))
        if beside and usual is not None:
            parts.append(language.fill(beside, usual=usual))
    return f"{text} ({language.comma.join(parts)})" if parts else text


def action_words(actions: Sequence[Action], language: Language = ENGLISH) -> str:
    """What to do, in one line."""
    said = (language.fill(language.actions[action.code], about=action.about) for action in actions)
    return language.phrases["and"].join(said)


def reasons_words(reasons: Sequence[tuple[str, str, float]], about: str, worst: int = 2) -> str:
    """The reasons that speak against a customer's score, largest first, in one line.

    Args:
        reasons: (score, code, contribution).
        about: "trust" or "churn_risk": the score that the line is about.
        worst: how many at most.
    """
    bad = -1 if about == "trust" else 1
    against = [
        reason
        for reason in reasons
        if reason[0] == about and reason[2] * bad > 0 and reason[1] not in BASE_TERMS
    ]
    against.sort(key=lambda reason: -abs(reason[2]))
    return ENGLISH.between.join(reason_words(*reason) for reason in against[:worst])
