/* While somebody answers: the hold is renewed, what is typed is kept, others see it, and a sent reply can be undone.
   Without this script the same is done by plain forms. */
"use strict";

(() => {
  const RENEW = 40000, IDLE = 110000;
  let held = null;      // the box of the case that is being answered
  let renewed = 0;
  let active = 0;
  let dirty = false;

  const box = () => document.getElementById("reply");
  const token = (form) => form.querySelector("[name=csrf_token]").value;

  const renew = (form) => {
    held = form;
    renewed = Date.now();
    fetch(form.dataset.hold, {
      method: "POST", body: new URLSearchParams({ csrf_token: token(form), beacon: "1" }), keepalive: true,
    }).catch(() => {});
  };

  /** Somebody is at the reply: hold it, as long as there is a sign of life now and then. */
  const alive = () => {
    active = Date.now();
    const form = box();
    if (form && form.contains(document.activeElement) && (held !== form || active - renewed > RENEW)) renew(form);
  };
  document.addEventListener("focusin", (event) => { if (event.target.matches("#text")) alive(); });
  document.addEventListener("keydown", alive);
  setInterval(() => {
    const form = box();
    if (!form || held !== form || document.hidden) return;
    if (Date.now() - active < IDLE && Date.now() - renewed > RENEW) renew(form);
  }, 10000);

  /** Let go of the case, and leave behind what was typed last, for which no answer came back yet. */
  const leave = () => {
    if (!held) return;
    const data = new FormData();
    data.set("csrf_token", token(held));
    data.set("beacon", "1");
    if (dirty && held.text) {
      data.set("text", held.text.value);
      data.set("base", held.base.value);
    }
    navigator.sendBeacon(held.dataset.leave, data);
    held = null;
    dirty = false;
  };
  addEventListener("pagehide", leave);

  const isSave = (ctx) => ctx?.sourceElement?.id === "text";

  document.addEventListener("input", (event) => { if (event.target.matches("#text")) { dirty = true; alive(); } });

  /** A save that had to wait its turn carries what is typed by now, on top of what was saved meanwhile. */
  document.addEventListener("htmx:before:request", (event) => {
    const { ctx } = event.detail, form = box();
    if (isSave(ctx) && form && ctx.request.body instanceof URLSearchParams) {
      ctx.request.body.set("base", form.base.value);
      ctx.request.body.set("text", form.text.value);
      dirty = false;
      renewed = Date.now();
    } else if (ctx?.target?.id === "case") {
      if (!ctx.sourceElement?.closest("#reply")) leave();
      held = null;
      dirty = false;
    }
  });
  document.addEventListener("htmx:error", (event) => { if (isSave(event.detail.ctx)) dirty = true; });

  /** Who answers what, written into the rows of the list. */
  const paint = () => {
    const now = new Map([...document.querySelectorAll("#held-now data")].map((data) => [data.value, data]));
    for (const mark of document.querySelectorAll("[data-held]")) {
      const data = now.get(mark.dataset.held);
      mark.textContent = data ? data.textContent : "";
    }
  };
  document.addEventListener("htmx:after:swap", (event) => { if (event.detail.ctx?.target?.id === "held-now") paint(); });

  /** The seconds in which a reply can be taken back. */
  const behind = Date.parse(document.documentElement.dataset.now) - Date.now();
  setInterval(() => {
    for (const left of document.querySelectorAll("[data-until]")) {
      const seconds = Math.max(0, (Date.parse(left.dataset.until) - Date.now() - behind) / 1000);
      if (left.matches("progress")) left.value = seconds;
      else left.textContent = String(Math.ceil(seconds));
    }
  }, 250);
})();
