// What makes the console lively. Everything works without it.
//   main[data-refresh]: bring the elements [data-part] up to date every so many seconds, as long as somebody looks
//   [data-copy]: copy the text of the element with this id
//   a form is sent once, and one [data-busy] says so while one waits
//   "/" goes to the search field; the arrows go from row to row
"use strict";

(() => {
  const IDLE = 600000; // nobody who looks: a page left open must not keep a session alive
  const main = document.querySelector("main[data-refresh]");
  const beat = document.querySelector("[data-beat]");
  let touched = Date.now();
  let over = false;

  const say = (text) => {
    if (beat && beat.textContent !== text) {
      beat.textContent = text;
      beat.hidden = false;
    }
  };

  const busy = (part) => {
    const selection = document.getSelection();
    return part.contains(document.activeElement) || (selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  };

  const renew = (fresh) => {
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.getElementById(part.id);
      if (!other || busy(part) || other.innerHTML === part.innerHTML) continue;
      const open = new Set([...part.querySelectorAll("figure:has(details[open])")].map((each) => each.id));
      part.replaceChildren(...other.childNodes);
      for (const figure of part.querySelectorAll("figure")) {
        const details = figure.querySelector("details");
        if (details && open.has(figure.id)) details.open = true;
      }
    }
  };

  const look = async () => {
    if (over || document.hidden) return;
    if (Date.now() - touched > IDLE) {
      say(beat.dataset.paused);
      return;
    }
    try {
      const reply = await fetch(location.href, {
        headers: { Accept: "text/html" },
        credentials: "same-origin",
        redirect: "manual",
        signal: AbortSignal.timeout(8000),
      });
      over = reply.type === "opaqueredirect" || reply.status === 403; // to the login: the session has ended
      if (reply.ok) renew(new DOMParser().parseFromString(await reply.text(), "text/html"));
      say(over ? beat.dataset.over : reply.ok ? beat.dataset.live : beat.dataset.away);
    } catch {
      say(beat.dataset.away);
    }
  };

  if (main && beat) {
    const every = Number(main.dataset.refresh) * 1000;
    const again = async () => {
      await look(); // one request at a time
      if (!over) setTimeout(again, every);
    };
    setTimeout(again, every);
    for (const kind of ["pointerdown", "keydown", "wheel"]) {
      addEventListener(kind, () => (touched = Date.now()), { passive: true });
    }
  }

  // On a phone the menu is one line that scrolls: show where one is.
  const menu = document.querySelector("nav ul");
  const here = menu && menu.querySelector("[aria-current]");
  if (here) menu.scrollLeft = here.offsetLeft - menu.offsetLeft - 16;

  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = button.dataset.copied;
    });
  }

  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault(); // who presses twice wants one credential
      return;
    }
    form.dataset.sent = "yes";
    if (!form.dataset.busy) return;
    const begun = Date.now();
    const told = document.createElement("p");
    told.className = "aside";
    told.setAttribute("role", "status");
    told.textContent = form.dataset.busy;
    const seconds = document.createElement("p"); // beside what is read aloud, which would be so every second
    seconds.className = "aside";
    const count = () => (seconds.textContent = `${Math.round((Date.now() - begun) / 1000)} s`);
    count();
    setInterval(count, 1000);
    form.append(told, seconds);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return; // back to a page as it was left: it may be sent again
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      const field = document.getElementById("find");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const links = [...document.querySelectorAll(".rows tbody tr")].map((row) => row.querySelector("a")).filter(Boolean);
      const row = document.activeElement.closest(".rows tbody tr");
      if (!row || !links.length) return;
      const next = links[links.indexOf(row.querySelector("a")) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    }
  });
})();
