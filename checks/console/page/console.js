"use strict";
// Two things: times become relative, and what the server says has changed is put in
// place. Without this file the page says the same.
(() => {
  const ago = (ms) => {
    const s = Math.floor(Math.abs(ms) / 1000);
    if (s < 5) return "now";
    const words = s < 90 ? s + " s" : s < 5400 ? Math.floor((s + 30) / 60) + " min" : s < 129600 ? Math.floor((s + 1800) / 3600) + " h" : Math.floor((s + 43200) / 86400) + " days";
    return ms < 0 ? "in " + words : words + " ago";
  };
  // The server's clock is right; this one may not be.
  const stamp = document.querySelector("body > footer time");
  const skew = stamp ? Date.parse(stamp.dateTime) - Date.now() : 0;
  const age = (within) => {
    for (const t of within.querySelectorAll("time:not(.clock)")) {
      const words = ago(Date.now() + skew - Date.parse(t.dateTime));
      if (t.textContent !== words) t.textContent = words;
    }
  };
  const live = document.getElementById("live");
  const from = document.body.dataset.events;
  const tick = () => {
    if (stamp && live && live.textContent === "live" && !live.hidden) stamp.dateTime = new Date(Date.now() + skew).toISOString();
    age(document);
  };
  tick();
  setInterval(tick, 1000);
  if (!from || !window.EventSource) return;

  const put = (section, html) => {
    // Who moves by keyboard stays where they are, and a table where it was pushed to.
    const at = section.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const pushed = Array.from(section.querySelectorAll(".wide"), (e) => e.scrollLeft);
    section.innerHTML = html;
    age(section);
    section.querySelectorAll(".wide").forEach((e, i) => { e.scrollLeft = pushed[i] || 0; });
    if (at) for (const a of section.querySelectorAll("a")) if (a.getAttribute("href") === at) { a.focus(); break; }
  };
  const source = new EventSource(from);
  const state = (word) => { live.hidden = false; live.textContent = word; live.classList.toggle("off", word !== "live"); };
  source.addEventListener("open", () => state("live"));
  source.addEventListener("error", () => state("not live"));
  source.addEventListener("changed", (e) => {
    const news = JSON.parse(e.data);
    for (const [id, html] of Object.entries(news.sections)) {
      const section = document.getElementById(id);
      if (section) put(section, html);
    }
    const status = document.getElementById("status");
    if (status.textContent !== news.status) status.textContent = news.status;
  });
  // A page that is kept for going back must not keep a seat.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (e) => { if (e.persisted) location.reload(); });
})();
