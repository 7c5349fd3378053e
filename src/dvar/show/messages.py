"""What pages and steps say, in English and Korean. A message is a row; `{name}` is put in where it is shown."""

from __future__ import annotations

from ..errors import UsageError

LANGUAGES = {"en": "English", "ko": "한국어"}

MESSAGES: dict[str, tuple[str, str]] = {
    "title": ("Computation graph of {output}", "{output}의 계산 그래프"),
    "forward": ("Left to right: values", "왼쪽에서 오른쪽으로: 값"),
    "backward": ("Right to left: derivatives of the final output", "오른쪽에서 왼쪽으로: 최종 출력의 미분"),
    "caption": ("dv means: the derivative of {output} with respect to v; at an edge stands the local derivative",
                "dv는 {output}을(를) v로 미분한 값이다. 화살표 위의 수는 그 자리의 국소 미분이다"),
    "inputs": ("Inputs", "입력"),
    "reset": ("Reset", "처음 값으로"),
    "first": ("To the start", "처음으로"),
    "back": ("Step back", "이전 단계"),
    "next": ("Step forward", "다음 단계"),
    "last": ("To the end", "끝으로"),
    "step": ("Step {at} of {count}", "{count}단계 중 {at}단계"),
    "keys": ("Arrow keys step, too.", "화살표 키로도 움직인다."),
    "mode": ("How to read it", "보는 방법"),
    "watch": ("Watch each step", "한 단계씩 보기"),
    "predict": ("Predict, then reveal", "예측하고 확인하기"),
    "blank": ("Fill in the derivatives", "미분 값 채우기"),
    "ask": ("What is {name}?", "{name}의 값은?"),
    "check": ("Check", "확인"),
    "reveal": ("Reveal", "답 보기"),
    "right": ("Right: {name} = {number}", "맞았다: {name} = {number}"),
    "wrong": ("Not yet: {guess} is too {side}", "아직 아니다: {guess}은(는) 너무 {side}"),
    "large": ("large", "크다"),
    "small": ("small", "작다"),
    "score": ("{right} of {count} right", "{count}개 중 {right}개 맞음"),
    "nudge": ("Nudge an input", "입력을 조금 움직여 보기"),
    "nudge_by": ("by h =", "움직인 크기 h ="),
    "moved": ("{output} moves from {before} to {after}", "{output}: {before} → {after}"),
    "slope": ("slope: ({after} − {before}) / h", "기울기: ({after} − {before}) / h"),
    "exact": ("exact derivative {name}", "정확한 미분 {name}"),
    "apart": ("they differ by", "둘의 차이"),
    "language": ("Language", "언어"),
    "noscript": ("Without scripts this page shows the numbers it was saved with.", "스크립트 없이는 저장할 때의 수만 보인다."),
}


def messages(language: str) -> dict[str, str]:
    """All messages in one language. Raises UsageError for one that there is not."""
    if language not in LANGUAGES:
        known = ", ".join(f"{key} ({name})" for key, name in LANGUAGES.items())
        raise UsageError(f"there is no language {language!r}", f"there are {known}")
    at = list(LANGUAGES).index(language)
    return {key: said[at] for key, said in MESSAGES.items()}
