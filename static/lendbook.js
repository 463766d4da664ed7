/* The keyboard, and menus that close again. Pages work without it. */
"use strict";

(() => {
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const keys = document.getElementById("keys");
  let goes = 0; // until when (ms) a letter after `g` still goes somewhere

  function follow(link) {
    if (link) link.click();
    return Boolean(link);
  }

  function press(key) {
    if (Date.now() < goes) {
      goes = 0;
      return follow(document.querySelector(`.rail [data-key="${CSS.escape(key)}"]`));
    }
    if (key === "g") {
      goes = Date.now() + 1500;
      return true;
    }
    if (key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) search.select();
      return Boolean(search);
    }
    if (key === "?" && keys) {
      keys.showModal();
      return true;
    }
    if (key === "n") return follow(document.querySelector("[data-new]"));
    // A page's own keys: <a data-shortcut="t"> or, for arrows, data-shortcut="ArrowLeft".
    return follow(document.querySelector(`[data-shortcut="${CSS.escape(key)}"]`));
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.key === "Escape") {
      const open = document.querySelector("details.menu[open]");
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      } else if (typing(event.target)) event.target.blur();
      return;
    }
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (press(event.key)) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    if (event.target.closest("[data-keys]") && keys) keys.showModal();
    if (event.target.closest("[data-print]")) window.print();
  });

  // A double click sends a form once: it goes first, then its buttons sleep for a while (a download leaves the page).
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    const awake = event.target.querySelectorAll("button:enabled:not([type=button]), input[type=submit]:enabled");
    const set = (asleep) => awake.forEach((button) => (button.disabled = asleep));
    setTimeout(set, 0, true);
    setTimeout(set, 3000, false);
  });
})();
