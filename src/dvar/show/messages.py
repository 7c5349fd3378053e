"""What pages and steps say, in English and Korean. A message is a row; `{name}` is put in where it is shown.

What other rooms refuse or remark is a sentence of `sentences.py`, found by what it says in English.
"""

from __future__ import annotations

import re
from functools import cache

from ..errors import DvarError, UsageError
from .sentences import KOREAN

LANGUAGES = {"en": "English", "ko": "한국어"}

MESSAGES: dict[str, tuple[str, str]] = {
    "title": ("Computation graph of {output}", "{output}의 계산 그래프"),
    "forward": ("Left to right: values", "왼쪽에서 오른쪽으로: 값"),
    "backward": ("Right to left: derivatives of the final output", "오른쪽에서 왼쪽으로: 최종 출력의 미분"),
    "nudged": ("Every input nudged", "모든 입력을 조금씩 움직여 확인하면"),
    "from_right": ("from the right", "오른쪽에서 온 값"),
    "local": ("local", "국소 미분"),
    "product": ("product", "곱"),
    "sum": ("sum", "합"),
    "comes_to": ("comes to", "정리하면"),
    "along": ("along {name}", "경로 {name}"),
    "inside": ("inside {name}", "{name}의 안쪽"),
    "where": ("for {conditions}", "단, {conditions}"),
    "and": ("and", "그리고"),
    "note": ("note", "참고"),
    "cancelled": ("{line} by cancelling, for {conditions}", "약분한 결과: {line} (단, {conditions})"),
    "caption": ("{derivative} means: the derivative of {output} with respect to {name}; at an edge stands the local derivative",
                "{derivative}: {output}의 {name}에 대한 미분. 화살표 위의 수: 국소 미분"),
    "inputs": ("Inputs", "입력"),
    "reset": ("Reset", "처음 값으로"),
    "first": ("To the start", "처음으로"),
    "back": ("Step back", "이전 단계"),
    "next": ("Step forward", "다음 단계"),
    "last": ("To the end", "끝으로"),
    "step": ("Step {at} of {count}", "{count}단계 중 {at}단계"),
    "keys": ("Arrow keys step, too.", "화살표 키로도 넘길 수 있습니다."),
    "mode": ("How to read it", "보는 방법"),
    "watch": ("Watch each step", "한 단계씩 보기"),
    "predict": ("Predict, then reveal", "예측하고 확인하기"),
    "blank": ("Fill in the derivatives", "미분 값 채우기"),
    "ask": ("What is {name}?", "{name}의 값은 얼마일까요?"),
    "check": ("Check", "확인"),
    "reveal": ("Reveal", "답 보기"),
    "right": ("Right: {name} = {number}", "맞았습니다: {name} = {number}"),
    "wrong": ("Not yet: {guess} is too {side}", "아직 아닙니다: {guess} – 답보다 {side}"),
    "no_number": ("{guess} is no number", "{guess}: 수가 아닙니다"),
    "large": ("large", "큽니다"),
    "small": ("small", "작습니다"),
    "nudge": ("Nudge an input", "입력을 조금 움직여 보기"),
    "nudge_by": ("by h =", "움직일 크기 h ="),
    "moved": ("{output} moves from {before} to {after}", "{output}: {before} → {after}"),
    "slope": ("slope: ({after} − {before}) / {h}", "기울기: ({after} − {before}) / {h}"),
    "exact": ("exact derivative {name}", "정확한 미분 {name}"),
    "apart": ("they differ by", "둘의 차이"),
    "undefined": ("{output} is not defined here, and so none of its derivatives is.",
                  "여기에서는 {output}의 값이 정의되지 않으므로 미분도 정의되지 않습니다."),
    "language": ("Language", "언어"),
    "page_slopes": ("Slopes", "기울기"),
    "page_graph": ("The graph", "계산 그래프"),
    "page_logistic": ("Logistic regression, one example", "로지스틱 회귀, 예제 하나"),
    "page_examples": ("m examples", "예제 m개"),
    "formula": ("a formula", "수식"),
    "draw": ("Draw", "그리기"),
    "slopes_told": ("Drag the point along the curve. The derivative d{input}: how many times as far {output} moves when "
                    "{input} is nudged a little.",
                    "점을 곡선 위에서 끌어 보세요. 미분 d{input}: {input}의 값을 아주 조금 움직일 때 "
                    "{output}의 값은 그 몇 배로 움직이는가."),
    "derivative_formula": ("The derivative, from the same graph", "같은 그래프에서 나온 미분"),
    "examples_told": ("The cost J is the mean loss of m examples. Each step: w := w − α·dw, b := b − α·db.",
                      "비용 J는 예제 m개의 손실의 평균입니다. 한 단계마다 w := w − α·dw, b := b − α·db."),
    "examples": ("Examples", "예제"),
    "kind_points": ("points on a plane", "평면 위의 점"),
    "kind_flights": ("4,000 flights: late or not", "항공편 4,000개: 지연 여부"),
    "kind_csv": ("a table of your own (CSV)", "내 표 (CSV)"),
    "csv_told": ("it stays on this machine", "이 컴퓨터를 벗어나지 않습니다"),
    "too_large": ("The table has {size} bytes; this page takes {limit}. dvar fit reads larger ones.",
                  "표의 크기: {size}바이트. 이 페이지의 한도: {limit}바이트. 더 큰 표는 dvar fit 명령으로 읽습니다."),
    "unread": ("The file cannot be read.", "파일을 읽을 수 없습니다."),
    "target": ("target column (the last one unless named)", "목표 열 (비워 두면 마지막 열)"),
    "standardise": ("features on a common scale", "특성의 척도를 맞추기"),
    "mark": ("Add points with y = {kind}", "y = {kind}인 점 찍기"),
    "plane": ("a plane with {yes} points of y = 1 and {no} of y = 0; arrow keys move a cross, Enter puts a point there",
              "y = 1인 점 {yes}개와 y = 0인 점 {no}개가 있는 평면. 화살표 키로 십자를 옮기고 Enter 키로 점을 찍습니다"),
    "side": ("shaded: predicted 1", "색칠한 쪽: 1로 예측"),
    "clear": ("Remove all points", "점 모두 지우기"),
    "rate": ("learning rate α =", "학습률 α ="),
    "go": ("Descend", "내려가기"),
    "pause": ("Pause", "멈춤"),
    "one": ("One step", "한 단계"),
    "again": ("Start again", "다시 시작"),
    "descending": ("step {step}, J = {cost}", "{step}단계, J = {cost}"),
    "diverged": ("J is no longer finite: the rate {rate} is far too high. Start again with a lower one.",
                 "J가 더는 유한하지 않습니다. 학습률 {rate}: 너무 큽니다. 더 작은 값으로 다시 시작해 보세요."),
    "gone": ("dvar play no longer answers: start it again, then load this page anew.",
             "dvar play가 응답하지 않습니다. 다시 시작한 뒤 이 페이지를 새로 여세요."),
    "rising": ("J rises instead of falling: the rate {rate} is too high.", "J가 줄지 않고 커집니다. 학습률 {rate}: 너무 큽니다."),
    "programs": ("Three programs of the same graph", "같은 그래프의 세 가지 프로그램"),
    "race_program": ("program", "프로그램"),
    "race_rows": ("rows", "행 수"),
    "race_pass": ("one pass", "한 번 계산"),
    "race_cost": ("J", "J"),
    "race_equal": ("same answer", "같은 답"),
    "race_again": ("Measure again", "다시 재기"),
    "measuring": ("measuring …", "재는 중 …"),
    "coefficient": ("coefficient", "계수"),
    "by_step": ("J by step", "단계별 J"),
    "slow": ("crawls", "느림"),
    "fast": ("diverges", "발산"),
    "input": ("input", "입력"),
    "backprop": ("back-propagation", "역전파"),
    "nudging": ("nudging", "움직여 본 값"),
    "lines": ("{name}: {count} lines", "{name}: {count}줄"),
    "inputs_in": ("{name}: {count} inputs", "{name}: 입력 {count}개"),
    "examples_of": ("m = {count} examples", "m = 예제 {count}개"),
    "example_of": ("m = 1 example", "m = 예제 1개"),
    "english": ("{said}", "(영어로만 있는 설명) {said}"),
    "direction": (", direction ", ", 방향 "),
    "how": ("dvar explain --help shows how", "사용법: dvar explain --help"),
    "wrote": ("wrote {path}", "저장했습니다: {path}"),
    "wider": ("the picture is wider than this terminal: --svg graph.svg draws it",
              "그림이 이 터미널보다 넓습니다. --svg graph.svg 옵션으로 그릴 수 있습니다"),
    "continue": ("next: {command}", "다음: {command}"),
    "more": ("… and {count:,} more lines: .steps() has them all", "… 그 밖에 {count:,}줄: .steps()에 모두 있습니다"),
    "noscript": ("Without scripts this page shows the numbers it was saved with.",
                 "스크립트가 꺼져 있어 저장할 때의 수만 보입니다."),
}


def of_page(*parts: str) -> dict[str, dict[str, str]]:
    """By language, the messages that these parts of a page speak of."""
    wanted = [key for key in MESSAGES if any(f'"{key}"' in part for part in parts)]
    return {language: {key: messages(language)[key] for key in wanted} for language in LANGUAGES}


def messages(language: str) -> dict[str, str]:
    """All messages in one language. Raises UsageError for one that there is not."""
    if language not in LANGUAGES:
        known = ", ".join(f"{key} ({name})" for key, name in LANGUAGES.items())
        raise UsageError(f"there is no language {language!r}", f"there are {known}")
    at = list(LANGUAGES).index(language)
    return {key: said[at] for key, said in MESSAGES.items()}


def said_in(language: str, sentence: str) -> str:
    """A sentence of another room in a language, and the lines below it as they are. What is not in the table stays English."""
    messages(language)
    first, *rest = sentence.split("\n")
    if language == "ko" and first:
        first = korean(first) or messages(language)["english"].format(said=first)
    return "\n".join([first, *rest])


def error_in(language: str, error: DvarError) -> DvarError:
    """The same error, told in a language."""
    return type(error)(said_in(language, error.what), said_in(language, error.help))


def korean(sentence: str) -> str | None:
    """The Korean of a sentence; None where the table has none of it, or of a sentence in it."""
    for pattern, shown in patterns():
        if match := pattern.fullmatch(sentence):
            found = {k: korean(v) if k.startswith("said") else v for k, v in match.groupdict().items()}
            if None not in found.values():
                return shown.format(**found)
    return None


@cache
def patterns() -> list[tuple[re.Pattern[str], str]]:
    """The rows of `KOREAN` as patterns: those that begin with another sentence first, then those that say most, for another may
    read more of a sentence as a name."""

    number = "[0-9](?:[0-9,.]*[0-9])?(?:e[+-]?[0-9]+)?"

    def pattern(english: str) -> str:
        texts = re.split(r"{(\w+)}", english)
        groups = (f"(?P<{name}>{number if re.fullmatch('n[0-9]*', name) else '.+?'})" for name in texts[1::2])
        return re.escape(texts[0]) + "".join(group + re.escape(text) for group, text in zip(groups, texts[2::2]))

    said_most = sorted(KOREAN, key=lambda english: (not english.startswith("{said"), -len(re.sub(r"{\w+}", "", english))))
    return [(re.compile(pattern(english)), KOREAN[english]) for english in said_most]
