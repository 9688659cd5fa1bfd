"""Styles of what is shown. Inline, because a saved page has no style sheet of ours; they follow the theme."""

QUIET_CSS = "opacity:.7;font-size:.87em;margin:.4em 0"
# Padding, which never collapses; without `list-item` the old notebook shows no mark to unfold.
TITLE_CSS = f"{QUIET_CSS};margin-bottom:0;padding:0 0 .4em;cursor:pointer;display:list-item"
PLAIN_CSS = "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;margin:.5em 0"
REASONING_CSS = (
    "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;"
    "opacity:.75;font-size:.93em;line-height:1.45"
)
# The colours of the theme; a page that is not trusted drops `var()` and keeps what stands before it.
NOTICE_CSS = (
    "border-left:3px solid;border-left-color:var(--jp-warn-color1,currentcolor);"
    "background:rgba(128,128,128,.12);background:var(--jp-layout-color2,rgba(128,128,128,.12));"
    "padding:.35em .8em;margin:.5em 0;font-size:.93em"
)
BAR_CSS = "border-left:2px solid;padding-left:.8em;margin:.4em 0 .9em;max-height:24em;overflow:auto"
CALL_CSS = (
    "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;font-family:monospace;"
    "font-family:var(--jp-code-font-family,monospace);font-size:.93em;margin:0 0 .4em"
)
TREE_CSS = (  # twice the family: an untrusted page loses styles with a variable
    "font-family:monospace;font-family:var(--jp-code-font-family,monospace);font-size:.93em;line-height:1.5;"
    "overflow-wrap:anywhere;white-space:pre-wrap"
)

# What scrolls or clips around the widgets; the button stays in sight only where none of it does.
_AROUND = (
    ":is(.jp-OutputArea-child, .jp-OutputArea-output, .jp-OutputArea, .jp-Cell-outputArea, .jp-Cell, "
    ".jp-Cell-outputWrapper, .widget-subarea, .output_subarea, .output_wrapper, .output)"
)

# Answers side by side where there is room for them, else one below the other.
COLUMNS_CSS = "display:flex;flex-wrap:wrap;gap:0 2em"
COLUMN_CSS = "flex:1 1 14em;min-width:0;width:auto"

# Makes the widgets look like the static end, so that nothing moves when it takes their place: flowing blocks
# instead of flexible boxes, the accordion as a `details`. The reasoning scrolls, and stays at its end.
LIVE_CSS = f"""
.kimi-live, .kimi-live .widget-vbox, .kimi-live .widget-hbox, .kimi-live .widget-html,
.kimi-live .widget-htmlmath {{ display: block; overflow: visible; height: auto }}
.kimi-live .widget-html, .kimi-live .widget-html-content, .kimi-live .widget-htmlmath,
.kimi-live .widget-htmlmath-content {{ margin: 0; padding: 0; font: inherit; color: inherit }}
.kimi-live > .widget-html:first-child {{ display: none }}
.kimi-live .widget-hbox > .widget-html {{ padding-right: 6em }}
.kimi-live .widget-hbox {{ position: sticky; top: 0; z-index: 1;
  background: var(--jp-layout-color0, Canvas) }}
.kimi-live .widget-hbox > button {{ position: absolute; top: 0; right: 0; width: auto; height: 22px;
  margin: 0; padding: 0 .7em; line-height: 20px }}
{_AROUND}:has(.kimi-live) {{ overflow: visible }}
.kimi-live .widget-accordion, .kimi-live [class*="Accordion-child"] {{ display: block; margin: 0 }}
.kimi-live [class*="Collapse-header"] {{ {TITLE_CSS}; border: 0; background: none;
  list-style: disclosure-closed inside; color: inherit; font-weight: inherit; line-height: inherit }}
.kimi-live [class*="Collapse-open"] > [class*="Collapse-header"] {{ list-style-type: disclosure-open }}
.kimi-live [class*="Collapse-header"] > i {{ display: none }}
.kimi-live .kimi-row {{ {TREE_CSS} }}
.kimi-live .kimi-columns {{ {COLUMNS_CSS} }}
.kimi-live .kimi-columns > .widget-vbox {{ {COLUMN_CSS} }}
.kimi-live [class*="Collapse-contents"] {{ {REASONING_CSS}; border: 0; {BAR_CSS}; padding: 0 0 0 .8em;
  background: none; color: inherit; display: flex; flex-direction: column-reverse }}
"""
