/* What pages can do better with JavaScript. Nothing here is needed: every action is a plain form or link. */
"use strict";

(() => {
  const units = [["d", 86400], ["h", 3600], ["min", 60]];

  /** A length of time in one unit; web/words.py says it the same way. */
  const span = (seconds) => {
    const found = units.find(([, size]) => seconds >= size);
    return found ? `${Math.floor(seconds / found[1])} ${found[0]}` : "under 1 min";
  };

  /** How far this machine's clock is behind the server's. */
  const behind = Date.parse(document.documentElement.dataset.now) - Date.now();

  const tick = () => {
    for (const time of document.querySelectorAll("time[data-ago], time[data-due]")) {
      const seconds = (Date.parse(time.dateTime) - Date.now() - behind) / 1000;
      if ("ago" in time.dataset) {
        time.textContent = seconds > -60 ? "just now" : `${span(-seconds)} ago`;
      } else {
        const words = seconds >= 0 ? `due in ${span(seconds)}` : `${span(-seconds)} overdue`;
        time.textContent = time.dataset.what ? `${time.dataset.what} ${words}` : words;
        const warned = Date.parse(time.dataset.warn) <= Date.now() + behind;
        time.dataset.level = seconds < 0 ? "late" : warned ? "soon" : "fine";
      }
    }
  };
  setInterval(tick, 30000);

  const segments = window.Intl?.Segmenter ? new Intl.Segmenter() : null;
  const counted = (text) => (segments ? [...segments.segment(text)].length : [...text].length);

  /** The count beside the reply box, until the server has counted as the platform does. */
  const count = (box) => {
    const output = document.querySelector(`output[for="${box.id}"]`);
    if (!output) return;
    const length = counted(box.value.trim()), limit = Number(box.dataset.limit);
    output.textContent = limit ? `${length} / ${limit}` : `${length}`;
    output.toggleAttribute("data-over", Boolean(limit) && length > limit);
  };
  document.addEventListener("input", (event) => {
    if (event.target.matches("textarea[data-limit]")) count(event.target);
  });

  /** Put a draft into the reply box so that the browser's own undo brings back what was there. */
  const take = (link) => {
    const box = document.getElementById("text");
    if (!box) return;
    box.focus();
    box.select();
    const text = link.closest(".draft").querySelector(".draft-text").textContent;
    if (!document.execCommand("insertText", false, text)) {
      box.value = text;
      box.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const gap = text.search(/\{\w+\}/);
    if (gap >= 0) box.setSelectionRange(gap, text.indexOf("}", gap) + 1);
    box.scrollIntoView({ block: "nearest" });
  };

  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copies);
    field.select();
    try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  };

  const reveal = (button) => {
    const field = document.getElementById(button.dataset.shows);
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!shown));
  };

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    let found;
    if ((found = on("[data-takes]"))) { event.preventDefault(); take(found); }
    else if ((found = on("[data-copies]"))) copy(found);
    else if ((found = on("[data-shows]"))) reveal(found);
    else if ((found = on("[data-dialog]"))) { event.preventDefault(); document.getElementById(found.dataset.dialog).showModal(); }
    for (const open of document.querySelectorAll("details.pop[open]")) if (!open.contains(event.target)) open.open = false;
  });

  /** A slider stands for a list of choices where there is JavaScript. */
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-slides]")) document.getElementById(event.target.dataset.slides).selectedIndex = Number(event.target.value);
  });

  /** Buttons that only work with JavaScript are hidden until there is some. */
  const ready = (root) => {
    for (const slider of root.querySelectorAll("[data-slides][hidden]")) {
      slider.hidden = false;
      slider.form.querySelector("button").hidden = true;
    }
    for (const button of root.querySelectorAll("[data-copies][hidden], [data-shows][hidden]")) button.hidden = false;
    for (const field of root.querySelectorAll("[data-zone]")) {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      if (field.value === "UTC" && zone && !field.closest("form").querySelector("[name=own_accounts]")) field.value = zone;
    }
  };
  document.addEventListener("DOMContentLoaded", () => ready(document));
  document.addEventListener("htmx:after:swap", () => ready(document));

  /** Which row of the list is open. */
  const mark = () => {
    const open = document.querySelector("#case .case")?.dataset.case;
    for (const link of document.querySelectorAll(".row > a")) {
      if (link.parentElement.id === `row-${open}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("htmx:after:swap", mark);
  document.addEventListener("htmx:after:settle", mark);

  /** A request that came to nothing is said aloud, beside what it was for; the text in the box stays. */
  document.addEventListener("htmx:error", () => {
    const check = document.getElementById("check");
    if (check) check.textContent = "The server does not answer. Your text is still here; it is saved when the server is back.";
  });
})();
