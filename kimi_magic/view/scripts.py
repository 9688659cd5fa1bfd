"""The scripts of a saved page, for viewers that run scripts; elsewhere nothing is missing without them."""

from __future__ import annotations

# Code has a button that copies it. Where the page gives scripts its application (`expose_app_in_browser`),
# another puts it into a new cell. The buttons float over a wrapper, because what stands in a `pre` scrolls
# with it.
_COPY = """
for (const pre of document.currentScript.parentNode.querySelectorAll("pre")) {
  const [around, row] = ["div", "div"].map(name => document.createElement(name))
  const code = pre.innerText.replace(/\\n$/, "")
  const add = (name, done, act) => {
    const button = document.createElement("button")
    button.style = "margin-left:4px;padding:0 .5em;font:inherit;font-size:.8em;cursor:pointer;color:inherit;\
background:var(--jp-layout-color1,Canvas);border:1px solid;border-radius:3px;opacity:.7"
    button.type = "button"
    button.textContent = name
    button.onclick = async () => {
      await act()
      button.textContent = done
      setTimeout(() => { button.textContent = name }, 1500)
    }
    row.append(button)
  }
  around.style = "position:relative"
  row.style = "position:absolute;top:2px;right:2px"
  if (window.jupyterapp) add("Insert below", "Inserted", async () => {
    const cells = jupyterapp.shell.currentWidget.content
    cells.activeCellIndex = cells.widgets.findIndex(cell => cell.node.contains(pre))
    await jupyterapp.commands.execute("notebook:insert-cell-below")
    cells.activeCell.model.sharedModel.setSource(code)
  })
  add("Copy", "Copied", async () => {
    if (isSecureContext) await navigator.clipboard.writeText(code)
    else {
      getSelection().selectAllChildren(pre)
      document.execCommand("copy")
    }
  })
  pre.before(around)
  around.append(pre, row)
}
"""

# Where scripts may run, a tree has a toolbar: it finds text, unfolds and folds all, and shows records as a
# table. The row at hand copies its value or its path, also with c and p; arrow keys go from row to row. A
# value is copied from the page: where the page does not have all of it to the letter (`kimi-cut`), it is not.
_TREE = """
for (const tree of document.currentScript.parentNode.querySelectorAll(".kimi-tree")) {
  const all = (what, from = tree) => [...from.querySelectorAll(what)]
  const row = at => at.closest("summary,div:not(:has(div,details))")
  const rows = () => all("summary,div").filter(at => row(at) === at && !at.closest(".kimi-tool"))
  const box = at => at.matches("summary") ? at.parentNode : at
  const outer = at => { const up = box(at).parentNode.closest("details"); return tree.contains(up) && up }
  const isNamed = at => at.firstChild.nodeName === "B"
  const label = at => isNamed(at) ? at.firstChild.textContent : ""
  const text = at => isNamed(at) ? at.textContent.slice(label(at).length + 2) : at.textContent
  const head = at => at.matches("details") ? at.firstChild : at
  const inside = at => box(at) === at ? [] : [...box(at).lastChild.children].map(head)
  const isCut = at => box(at).matches(".kimi-cut") || inside(at).some(isCut)
  const json = at => {
    const shown = text(at), isObject = shown[0] === "{"
    if (box(at) === at) return shown[0] === "\u201c" ? JSON.stringify(shown.slice(1, -1)) : shown
    const parts = inside(at).map(each => (isObject ? JSON.stringify(label(each)) + ": " : "") + json(each))
    return (isObject ? "{" : "[") + parts.join(", ") + (isObject ? "}" : "]")
  }
  const path = at => outer(at) ? path(outer(at).firstChild)
    + `[${text(outer(at).firstChild)[0] === "{" ? JSON.stringify(label(at)) : label(at)}]` : ""
  const copy = async what => {
    if (isSecureContext) await navigator.clipboard.writeText(what)
    else {
      const area = tree.appendChild(document.createElement("textarea")), before = document.activeElement
      area.value = what
      area.select()
      document.execCommand("copy")
      area.remove()
      before.focus()
    }
    return "Copied"
  }
  const copyValue = at => {
    if (isCut(at)) return "Not all of it is here"
    return copy(text(at)[0] === "\u201c" ? text(at).slice(1, -1) : json(at))
  }
  const look = "font:inherit;font-size:.87em;margin-left:4px;padding:0 .5em;color:inherit;border:1px solid;\\
border-radius:3px;opacity:.8;background:var(--jp-layout-color1,Canvas)"
  const tool = place => {
    const made = document.createElement("div")
    made.className = "kimi-tool"
    made.style = "position:absolute;right:0;z-index:1;white-space:nowrap;\\
font-family:var(--jp-ui-font-family,sans-serif);" + place
    return tree.appendChild(made)
  }
  const button = (into, name, act) => {
    const made = into.appendChild(document.createElement("button"))
    made.style = look + ";cursor:pointer"
    made.textContent = name
    made.onclick = async () => {
      const done = await act()
      made.textContent = done ?? name
      if (done && act !== swap) setTimeout(() => { made.textContent = name }, 1500)
    }
    return made
  }
  const bar = tool("top:0"), pair = tool("display:none")
  const find = bar.appendChild(document.createElement("input"))
  const table = tree.parentNode.querySelector(".kimi-table"), first = tree.querySelector("details")
  let here, at = 0, found = []
  const show = () => {
    for (const each of found) each.style.outline = ""
    const what = find.value.toLowerCase()
    found = what ? rows().filter(each => each.textContent.toLowerCase().includes(what)) : []
    find.title = what && `${found.length} found`
    if (!found.length) return
    const hit = found[at = (at + found.length) % found.length]
    for (let up = outer(hit); up; up = outer(up.firstChild)) up.open = true
    hit.style.outline = "2px solid"
    hit.scrollIntoView({block: "nearest"})
  }
  const swap = () => {
    table.open = !table.open
    table.hidden = !table.open
    if (first) first.hidden = table.open
    return table.open ? "Tree" : "Table"
  }
  const note = event => {
    const next = row(event.target)
    if (event.target.closest(".kimi-tool") || !next || next === tree) return
    here = next
    pair.style.top = here.offsetTop + "px"
    pair.style.display = here.offsetTop < 9 ? "none" : ""
  }
  tree.style.position = "relative"
  tree.dataset.lmSuppressShortcuts = true
  find.style = look + ";width:7em"
  find.placeholder = find.ariaLabel = "Find"
  find.oninput = () => { at = 0; show() }
  find.onkeydown = event => { if (event.key === "Enter") { at += event.shiftKey ? -1 : 1; show() } }
  if (first) {
    button(bar, "Expand all", () => all("details").forEach(each => { each.open = true }))
    button(bar, "Collapse all", () => all("details").forEach(each => { each.open = each === first }))
  }
  if (table) {
    tree.style.minHeight = "1.8em"
    table.hidden = table.firstChild.hidden = true
    button(bar, "Table", swap)
  }
  button(pair, "Copy", () => copyValue(here)).title = "Copy the value (c)"
  button(pair, "Path", () => copy(path(here))).title = "Copy where it stands (p)"
  tree.onmouseover = note
  tree.addEventListener("focusin", note)
  tree.onmouseleave = () => { pair.style.display = "none" }
  for (const each of rows()) if (box(each) === each) each.tabIndex = -1
  tree.onkeydown = event => {
    const on = row(event.target), list = rows().filter(each => each.checkVisibility())
    if (event.target.closest(".kimi-tool") || event.ctrlKey || event.metaKey || event.altKey) return
    const go = {
      ArrowDown: () => list[list.indexOf(on) + 1]?.focus(),
      ArrowUp: () => list[list.indexOf(on) - 1]?.focus(),
      ArrowRight: () => { box(on).open = true },
      ArrowLeft: () => {
        if (box(on).open) box(on).open = false
        else if (outer(on)) outer(on).firstChild.focus()
      },
      c: () => copyValue(on),
      p: () => copy(path(on)),
    }[event.key]
    if (go) { go(); event.preventDefault() }
  }
}
"""

# Where a button that had the focus is taken away, the keyboard goes back to the cell. It is shown for a
# moment, and not saved.
FOCUS_SCRIPT = """
if (document.activeElement === document.body)
document.currentScript.closest("[tabindex]")?.focus({preventScroll: true})
"""


def _small(script: str) -> str:
    """Without the indentation: each answer has its own copy."""
    return "".join(f"{line.strip()}\n" for line in script.splitlines() if line.strip())


COPY_SCRIPT = _small(_COPY)
TREE_SCRIPT = _small(_TREE)
SAVED = (COPY_SCRIPT, TREE_SCRIPT, COPY_SCRIPT + TREE_SCRIPT)  # all that a page may hold
