"""How far a map is, in words: the line while it runs and when it has ended."""

from __future__ import annotations

import io

from kimi_magic.batch import Progress
from kimi_magic.usage import Usage
from kimi_magic.view import batch


def progress(**values: object) -> Progress:
    at_rest = Progress(
        total=100, done=0, failed=0, kept=0, in_flight=0, spent=0.0, usage=Usage(), last_bad=None, refusals=0
    )
    return at_rest._replace(**values)


def test_the_line_says_done_failed_rate_money_and_time_left():
    line = batch.shown(progress(done=38, failed=2, kept=10, spent=0.0312), 20.0)
    assert line.share == 0.5
    assert line.words == (
        "50 of 100 requests · 10 from before · 2 without a value · 2.0/s · 25 s left · about $0.0312"
    )
    assert batch.shown(progress(done=5), 60.0).words == "5 of 100 requests · 5.0/min · 19 min left"


def test_the_line_that_stays_says_how_long_it_took_and_whether_it_was_stopped():
    assert batch.shown(progress(done=100), 30.0, ended=True).words == "100 of 100 requests · 3.3/s · 30 s"
    assert batch.shown(progress(done=10), 5.0, ended=True).words.endswith("5 s · stopped")
    assert batch.shown(progress(done=100), None, ended=True).words == "100 of 100 requests"


def test_the_last_bad_row_folds_out_and_is_no_markup():
    line = batch.shown(progress(failed=1, last_bad=(3, "<script>x</script>\x1b[31m")), 1.0)
    html = batch.html(line)
    assert "row 3: &lt;script" in html
    assert "<script" not in html
    assert "\x1b" not in html


def test_no_requests_at_all_are_a_full_bar():
    assert batch.shown(progress(total=0), 0.0, ended=True).share == 1.0


def test_a_terminal_has_one_line_and_few_repaints():
    stream = io.StringIO()
    view = batch.for_terminal(stream)
    view.open("100 rows", lambda: None)
    for done in range(100):
        view.update(progress(done=done))
    view.close(progress(done=100))
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert written.endswith("\n")
    assert written.count("\r") <= 5
    assert "[####################] 100 of 100 requests" in written
