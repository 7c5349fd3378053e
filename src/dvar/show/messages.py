"""What pages and steps say, in English and Korean. A message is a row; `{name}` is put in where it is shown."""

from __future__ import annotations

from ..errors import UsageError

LANGUAGES = {"en": "English", "ko": "한국어"}

MESSAGES: dict[str, tuple[str, str]] = {
    "title": ("Computation graph of {output}", "{output}의 계산 그래프"),
    "forward": ("Left to right: values", "왼쪽에서 오른쪽으로: 값"),
    "backward": ("Right to left: derivatives of the final output", "오른쪽에서 왼쪽으로: 최종 출력의 미분"),
    "nudged": ("Every input nudged", "모든 입력을 조금 움직여 보면"),
    "from_right": ("from the right", "오른쪽에서 온 것"),
    "local": ("local", "국소 미분"),
    "product": ("product", "곱"),
    "sum": ("sum", "합"),
    "comes_to": ("comes to", "정리하면"),
    "along": ("along {name}", "{name}을(를) 따라"),
    "inside": ("inside {name}", "{name} 안에서"),
    "where": ("for {conditions}", "단, {conditions}"),
    "and": ("and", "그리고"),
    "note": ("note", "참고"),
    "cancelled": ("{line} by cancelling, for {conditions}", "{line}은(는) 약분한 것이다. 단, {conditions}"),
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
    "page_slopes": ("Slopes", "기울기"),
    "page_graph": ("The graph", "계산 그래프"),
    "page_logistic": ("Logistic regression, one example", "로지스틱 회귀, 예제 하나"),
    "page_examples": ("m examples", "예제 m개"),
    "formula": ("a formula", "수식"),
    "draw": ("Draw", "그리기"),
    "slopes_told": ("Drag the point. The derivative is how far f moves when a is nudged by a little, for each unit of the nudge.",
                    "점을 끌어 보라. 미분은 a를 아주 조금 움직일 때 f가 그 몇 배로 움직이는가이다."),
    "derivative_formula": ("The derivative, from the same graph", "같은 그래프에서 나온 미분"),
    "examples_told": ("The cost J is the mean loss of m examples. Each step: w := w − α·dw, b := b − α·db.",
                      "비용 J는 예제 m개의 손실의 평균이다. 매 단계마다 w := w − α·dw, b := b − α·db."),
    "examples": ("Examples", "예제"),
    "kind_points": ("points on a plane", "평면 위의 점"),
    "kind_flights": ("4,000 flights: late or not", "항공편 4,000개: 지연 여부"),
    "kind_csv": ("a table of your own (CSV)", "내 표 (CSV)"),
    "csv_told": ("it stays on this machine", "이 컴퓨터를 떠나지 않는다"),
    "target": ("target column", "목표 열"),
    "standardise": ("features on a common scale", "특성을 같은 척도로"),
    "mark": ("click points of kind {kind}", "{kind} 종류의 점 찍기"),
    "clear": ("Remove all points", "점 모두 지우기"),
    "rate": ("learning rate α =", "학습률 α ="),
    "go": ("Descend", "내려가기"),
    "pause": ("Pause", "멈춤"),
    "one": ("One step", "한 단계"),
    "again": ("Start again", "다시 시작"),
    "descending": ("step {step}, J = {cost}", "{step}단계, J = {cost}"),
    "diverged": ("J is no longer finite: the rate {rate} is far too high.", "J가 유한하지 않다. 학습률 {rate}이(가) 너무 크다."),
    "rising": ("J rises: the rate {rate} is too high.", "J가 커진다. 학습률 {rate}이(가) 너무 크다."),
    "programs": ("Three programs of the same graph, one pass each", "같은 그래프의 세 프로그램, 한 번 계산"),
    "race_program": ("program", "프로그램"),
    "race_rows": ("rows", "행"),
    "race_pass": ("a pass takes", "걸린 시간"),
    "race_cost": ("J", "J"),
    "race_equal": ("equal", "같은가"),
    "race_again": ("Measure again", "다시 재기"),
    "noscript": ("Without scripts this page shows the numbers it was saved with.", "스크립트 없이는 저장할 때의 수만 보인다."),
}


def messages(language: str) -> dict[str, str]:
    """All messages in one language. Raises UsageError for one that there is not."""
    if language not in LANGUAGES:
        known = ", ".join(f"{key} ({name})" for key, name in LANGUAGES.items())
        raise UsageError(f"there is no language {language!r}", f"there are {known}")
    at = list(LANGUAGES).index(language)
    return {key: said[at] for key, said in MESSAGES.items()}
