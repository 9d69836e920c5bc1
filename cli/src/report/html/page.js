"use strict";
// The page is whole without this: it only sorts, filters and opens what is there. Nothing is made of
// text here, so that no text can become anything else.
(() => {
  const at = (id) => document.getElementById(id);
  const list = at("list");
  if (!list) return;
  const alerts = Array.from(list.tBodies);
  const controls = { text: at("text"), severity: at("severity"), detection: at("detection"), cloud: at("cloud") };
  const slots = Array.from(document.querySelectorAll(".slot"));
  const words = new Map();
  let chosen = null;

  // What an alert tells, in small letters; made when it is first asked for. What to do about it has
  // words that many alerts share.
  const wordsOf = (alert) => {
    if (!words.has(alert)) {
      const parts = Array.from(alert.querySelectorAll(".about, .sum, .note, .seen, .evidence"));
      words.set(alert, parts.map((part) => part.textContent).join(" ").toLowerCase());
    }
    return words.get(alert);
  };

  const filter = () => {
    const wanted = controls.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const least = Number(controls.severity.value);
    let count = 0;
    for (const alert of alerts) {
      const its = alert.dataset;
      const fits = Number(its.severity) >= least
        && (!controls.detection.value || its.detections.split(" ").includes(controls.detection.value))
        && (!controls.cloud.value || its.clouds.split(" ").includes(controls.cloud.value))
        && (!chosen || (Number(its.first) < Number(chosen.dataset.until) && Number(its.last) >= Number(chosen.dataset.from)))
        && wanted.every((word) => wordsOf(alert).includes(word));
      alert.hidden = !fits;
      count += fits ? 1 : 0;
    }
    const all = alerts.length.toLocaleString("en");
    at("shown").textContent = count === alerts.length ? `All ${all} shown.` : `${count.toLocaleString("en")} of ${all} shown.`;
    at("none").hidden = count > 0;
  };

  const keys = {
    score: (alert) => Number(alert.dataset.score),
    title: (alert) => alert.querySelector("h3").textContent,
    source: (alert) => alert.dataset.source,
    calls: (alert) => Number(alert.dataset.calls),
    last: (alert) => Number(alert.dataset.last),
  };
  const collator = new Intl.Collator("en", { numeric: true });
  const places = new Map(alerts.map((alert, place) => [alert, place]));
  const compare = (a, b) => (typeof a === "number" ? a - b : collator.compare(a, b));

  const sort = (header) => {
    const by = header.dataset.sort;
    const isText = by === "title" || by === "source";
    const before = header.getAttribute("aria-sort");
    const order = before ? (before === "ascending" ? "descending" : "ascending") : (isText ? "ascending" : "descending");
    for (const other of list.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const keyed = alerts.map((alert) => [keys[by](alert), alert]);
    keyed.sort((a, b) => sign * compare(a[0], b[0]) || places.get(a[1]) - places.get(b[1]));
    list.append(...keyed.map((pair) => pair[1]));
  };
  for (const header of list.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(header));
    header.replaceChildren(button);
  }

  const choose = (slot) => {
    if (chosen) chosen.setAttribute("aria-pressed", "false");
    chosen = slot === chosen ? null : slot;
    if (chosen) chosen.setAttribute("aria-pressed", "true");
    at("period").hidden = !chosen;
    at("period").textContent = chosen ? `${chosen.dataset.span} \u00d7` : "";
    at("period").setAttribute("aria-label", chosen ? `Show other times than ${chosen.dataset.span} too` : "");
    filter();
  };
  // The bars are one stop of the tabulator; arrows go on among them.
  const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -slots.length, End: slots.length };
  slots.forEach((slot, place) => {
    slot.setAttribute("role", "button");
    slot.setAttribute("aria-pressed", "false");
    slot.setAttribute("aria-label", slot.querySelector("title").textContent);
    slot.setAttribute("tabindex", place ? "-1" : "0");
    slot.addEventListener("click", () => choose(slot));
    slot.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") choose(slot);
      else if (event.key in moves) {
        const next = slots[Math.min(Math.max(place + moves[event.key], 0), slots.length - 1)];
        slot.setAttribute("tabindex", "-1");
        next.setAttribute("tabindex", "0");
        next.focus();
      } else return;
      event.preventDefault();
    });
  });
  const bars = at("bars");
  if (bars) {
    bars.setAttribute("role", "group");
    bars.setAttribute("aria-label", "Alerts and evidence over time. Arrow keys go from bar to bar; Enter shows its alerts.");
  }

  for (const control of Object.values(controls)) control.addEventListener("input", filter);
  at("period").addEventListener("click", () => { choose(chosen); at("text").focus(); });
  at("reset").addEventListener("click", () => {
    controls.text.value = controls.detection.value = controls.cloud.value = "";
    controls.severity.value = "0";
    if (chosen) choose(chosen); else filter();
  });
  const details = alerts.map((alert) => alert.querySelector("details"));
  at("open").addEventListener("click", () => {
    const shut = at("open").textContent === "Open all";
    alerts.forEach((alert, place) => { if (!alert.hidden) details[place].open = shut; });
    at("open").textContent = shut ? "Close all" : "Open all";
  });

  // A link to an alert shows it, whatever was filtered, and opens it.
  const follow = () => {
    const alert = alerts.find((it) => it.id && it.id === location.hash.slice(1));
    if (!alert) return;
    alert.hidden = false;
    alert.querySelector("details").open = true;
    alert.scrollIntoView();
  };
  addEventListener("hashchange", follow);

  // Codes of countries get the names this browser knows.
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  for (const cell of document.querySelectorAll("th.country")) {
    const name = /^[A-Z]{2}$/.test(cell.textContent) && names.of(cell.textContent);
    if (name) cell.append(` ${name}`);
  }

  at("controls").hidden = false;
  filter();
  follow();
})();
