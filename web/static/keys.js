/* The keyboard. Keys press what is on the page: links and buttons say theirs in data-key. The list of keys stands in
   web/templates/_keys.html. */
"use strict";

(() => {
  const rows = () => [...document.querySelectorAll(".row > a")];
  const visible = (element) => Boolean(element) && element.getClientRects().length > 0;
  const typing = (target) => target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  let opening = 0;
  let then = null;

  const current = (all) => {
    const focused = all.indexOf(document.activeElement);
    return focused >= 0 ? focused : all.findIndex((row) => row.hasAttribute("aria-current"));
  };

  /** Go to the next or previous row; where the case has a pane of its own, it opens there a moment later. */
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    if (!visible(all[0])) return void document.querySelector('[data-key="u"]')?.click();
    const at = current(all), next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    clearTimeout(opening);
    if (visible(document.getElementById("case"))) opening = setTimeout(() => next.click(), 120);
  };

  const open = () => {
    const all = rows(), at = current(all);
    if (at < 0) return;
    clearTimeout(opening);
    then = () => document.querySelector("#case h1")?.focus({ preventScroll: true });
    all[at].click();
  };

  /** Press what is marked with a key; details are opened and their first field is focused. */
  const press = (key) => {
    const found = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(visible);
    if (!found) return false;
    if (found.matches("summary")) {
      const details = found.parentElement;
      details.open = !details.open;
      if (details.open) details.querySelector("form button, select, input:not([type=hidden])")?.focus();
      if (details.open) details.querySelector("input[type=radio]:checked")?.focus();
    } else if (found.matches("textarea")) found.focus();
    else found.click();
    return true;
  };

  const answer = () => {
    const box = document.getElementById("text");
    if (!visible(box)) return false;
    box.focus();
    box.scrollIntoView({ block: "nearest" });
    return true;
  };

  /** Do it in the open case, or open the case under the cursor first. */
  const inCase = (what) => {
    if (what()) return;
    const all = rows(), at = current(all);
    if (at < 0 || all[at].hasAttribute("aria-current")) return;
    then = what;
    all[at].click();
  };

  const escape = () => {
    const openDetails = document.querySelector("details.pop[open]");
    if (openDetails) { openDetails.open = false; openDetails.querySelector("summary").focus(); }
    else if (typing(document.activeElement)) {
      document.activeElement.blur();
      document.querySelector(".row > a[aria-current]")?.focus({ preventScroll: true });
    }
  };

  const commands = {
    j: () => step(1),
    k: () => step(-1),
    o: open,
    a: () => inCase(answer),
    n: () => document.querySelector("[data-next]")?.click(),
    z: () => inCase(() => press("z") || press("u")),
    "/": () => {
      const field = document.getElementById("search");
      if (field) field.focus();
      else document.querySelector("[data-search]")?.click();
    },
    "?": () => document.getElementById("keys")?.showModal(),
    u: () => {
      const undo = document.querySelector("[data-undo]");
      if (visible(undo)) return void undo.click();
      const back = document.querySelector('[data-key="u"]');
      if (visible(back)) back.click();
      else document.querySelector(".row > a[aria-current]")?.focus();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("#text")) {
      event.preventDefault();
      event.target.form.querySelector("[data-approves]")?.click();
      return;
    }
    if (event.key === "Escape") return void escape();
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.target.matches("input[type=radio], input[type=checkbox]") && event.key.length > 1) return;
    const command = commands[event.key];
    if (!command && !/^[a-z1-9]$/.test(event.key)) return;
    if (command) { event.preventDefault(); command(); }
    else if (document.getElementById("case")) { event.preventDefault(); inCase(() => press(event.key)); }
    else if (press(event.key)) event.preventDefault();
  });

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx?.target?.id !== "case" || !then) return;
    const what = then;
    then = null;
    requestAnimationFrame(what);
  });
})();
