/*
  The grid of transactions by keyboard: arrows (or j, k) move, t or Enter opens the tag box, c confirms a guess, p opens
  the payee's name, s splits the row, x ticks, / searches, u takes the last correction back, Esc leaves. What is kept is sent without leaving the page. It works
  without this script too, through links and forms.
*/
"use strict";

(() => {
  const form = document.querySelector(".grid-form");
  if (!form) return;
  const grid = form.querySelector(".grid tbody");
  const template = document.getElementById("tag-box");
  const undoLine = document.querySelector("[data-undo]");
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const tags = [...document.querySelectorAll("#grid-tag option")].slice(1).map((option) => [option.value, option.textContent]);
  let at = null; // the pk of the row in hand
  let box = null; // the box that is open, and its row

  const rows = () => [...grid.querySelectorAll("tr[data-pk]")];
  const rowOf = (pk) => grid.querySelector(`tr[data-pk="${pk}"]`);

  // ------------------------------------------------------------------ moving

  function take(row) {
    grid.querySelectorAll("tr.selected").forEach((other) => other.classList.remove("selected"));
    at = row.dataset.pk;
    row.classList.add("selected");
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function move(step) {
    const all = rows();
    const now = all.findIndex((row) => row.dataset.pk === at);
    if (all.length) take(all[now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + step, 0), all.length - 1)]);
  }

  // ------------------------------------------------------------------ sending

  function say(words, fault) {
    const line = document.querySelector("[data-last]");
    line.textContent = words;
    line.classList.toggle("fault", Boolean(fault));
    undoLine.hidden = false;
  }

  async function send(address, fields) {
    const shown = rows().map((row) => row.dataset.pk).join(",");
    try {
      const answer = await fetch(address, {
        method: "POST",
        headers: { Accept: "application/json", "X-CSRFToken": token },
        body: new URLSearchParams({ ...fields, shown }),
      });
      if (!(answer.headers.get("Content-Type") || "").includes("json")) throw new Error(answer.status);
      const said = await answer.json();
      if (said.error) {
        say(said.error, true);
        return false;
      }
      for (const [pk, html] of Object.entries(said.rows)) renew(pk, html);
      const last = said.last[0];
      undoLine.elements.correction.value = last ? last.pk : "";
      undoLine.querySelector("button").hidden = !last;
      say(said.words);
      return true;
    } catch {
      say("Lendbook could not be reached, or you are logged out: nothing was kept. Try again.", true);
      return false;
    }
  }

  function renew(pk, html) {
    const row = rowOf(pk);
    if (!row) return;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.querySelector("tr");
    const tick = row.querySelector("input[name=row]");
    if (tick && tick.checked) fresh.querySelector("input[name=row]").checked = true;
    row.replaceWith(fresh);
    if (pk === at) take(fresh);
  }

  async function correct(row, fields) {
    close();
    const pk = row.dataset.pk;
    if (await send(form.dataset.correct.replace("/0/", `/${pk}/`), fields)) {
      if (fields.tag) move(1);
    }
  }

  // ------------------------------------------------------------------ the tag box

  function close() {
    if (!box) return;
    const { element, row } = box;
    box = null;
    element.remove();
    row.querySelectorAll("[hidden][data-name]").forEach((name) => (name.hidden = false));
    if (row.isConnected) take(row);
  }

  function openTag(row) {
    if (!row || !("open" in row.dataset)) return;
    close();
    take(row);
    const element = template.content.firstElementChild.cloneNode(true);
    row.querySelector(".tag").append(element);
    box = { element, row };
    const input = element.querySelector("input");
    const list = element.querySelector("ul");
    let active = 0;

    const show = () => {
      const typed = input.value.trim().toLowerCase();
      const starts = tags.filter(([, name]) => name.toLowerCase().startsWith(typed));
      const holds = tags.filter(([, name]) => !name.toLowerCase().startsWith(typed) && name.toLowerCase().includes(typed));
      list.replaceChildren(
        ...[...starts, ...holds].map(([value, name], number) => {
          const option = document.createElement("li");
          option.role = "option";
          option.id = `tag-${value}`;
          option.dataset.tag = value;
          option.textContent = name;
          option.ariaSelected = String(number === active);
          return option;
        }),
      );
      input.setAttribute("aria-activedescendant", list.children[active] ? list.children[active].id : "");
      if (list.children[active]) list.children[active].scrollIntoView({ block: "nearest" });
    };
    input.addEventListener("input", () => { active = 0; show(); });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        active = Math.min(Math.max(active + (event.key === "ArrowDown" ? 1 : -1), 0), list.children.length - 1);
        show();
      } else if (event.key === "Enter") {
        if (list.children[active]) choose(row, element, list.children[active].dataset.tag, list.children[active].textContent);
      } else if (event.key === "Escape" || event.key === "Tab") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[data-tag]");
      event.preventDefault();
      if (option) choose(row, element, option.dataset.tag, option.textContent);
    });
    show();
    input.focus();
    element.scrollIntoView({ block: "nearest" });
  }

  // How far a correction goes is asked where it makes a difference; the first answer is one Enter away.
  function choose(row, element, tag, name) {
    const { payee, count, rule, ruleCount } = row.dataset;
    if (!rule && Number(count) <= 1) {
      correct(row, { tag, scope: payee ? "payee" : "row" });
      return;
    }
    const far = [];
    const whose = Number(count) > 1 ? `all ${count} of ${payee}` : payee;
    if (payee) far.push(["payee", `${whose}, and from now on`, rule ? `The ${rule} leaves this payee alone.` : ""]);
    if (rule) far.push(["rule", `change the rule: all ${ruleCount} rows it places`, `The ${rule} gives ${name} from now on.`]);
    far.push(["row", "this row only", ""]);
    const asked = element.querySelector(".how-far");
    const title = document.createElement("p");
    title.textContent = rule ? `A rule placed it. ${name} for …` : `${name} for …`;
    asked.replaceChildren(
      title,
      ...far.map(([scope, words, more]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = words;
        if (more) {
          const small = document.createElement("small");
          small.textContent = more;
          button.append(small);
        }
        button.addEventListener("click", () => correct(row, { tag, scope }));
        return button;
      }),
    );
    element.querySelector("input").hidden = true;
    element.querySelector("ul").hidden = true;
    asked.hidden = false;
    const buttons = [...asked.querySelectorAll("button")];
    asked.addEventListener("keydown", (event) => {
      const now = buttons.indexOf(document.activeElement);
      if (event.key === "ArrowDown") buttons[Math.min(now + 1, buttons.length - 1)].focus();
      else if (event.key === "ArrowUp") buttons[Math.max(now - 1, 0)].focus();
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    buttons[0].focus();
  }

  function openPayee(row) {
    if (!row || !("open" in row.dataset)) return;
    close();
    take(row);
    const name = row.querySelector("[data-name]");
    const input = document.createElement("input");
    input.className = "payee-box";
    input.maxLength = 120;
    input.value = row.dataset.payee;
    input.setAttribute("aria-label", "Payee");
    name.hidden = true;
    name.before(input);
    box = { element: input, row };
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") input.value.trim() ? correct(row, { product: input.value }) : close();
      else if (event.key === "Escape" || event.key === "Tab") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    input.select();
  }

  // A guess that is right: one key, and it holds for the payee from now on.
  function confirm(row) {
    const { guess, payee } = row.dataset;
    if (guess) correct(row, { tag: guess, scope: payee ? "payee" : "row" });
    else move(1);
  }

  // ------------------------------------------------------------------ keys and clicks

  const keys = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    j: () => move(1),
    k: () => move(-1),
    t: (row) => openTag(row),
    Enter: (row) => openTag(row),
    p: (row) => openPayee(row),
    c: (row) => confirm(row),
    s: (row) => location.assign(`${row.querySelector(".on-date a").href}#parts`),
    x: (row) => row.querySelector("input[name=row]").click(),
    "/": () => document.querySelector(".asked [name=q]").select(),
    u: () => undoLine.querySelector("button").click(),
  };
  const needsRow = new Set(["t", "Enter", "p", "c", "s", "x"]);

  document.addEventListener(
    "keydown",
    (event) => {
      const act = Object.hasOwn(keys, event.key) && keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.target.closest("input:not([type=checkbox]), select, textarea, .tag-box, dialog[open], [contenteditable]")) return;
      if (event.key === "Enter" && event.target.closest("a, button, summary, input")) return;
      if (!template && event.key !== "/" && needsRow.has(event.key)) return;
      const row = at && rowOf(at);
      if ((needsRow.has(event.key) && !row) || (event.key === "u" && !undoLine)) return;
      event.preventDefault();
      event.stopPropagation();
      act(row);
    },
    true, // before the frame's own "/"
  );

  grid.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-pk]");
    if (!row || !template) return;
    if (event.target.closest("[data-edit]")) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      openTag(row);
    }
  });
  grid.addEventListener("dblclick", (event) => {
    const row = event.target.closest(".payee") && event.target.closest("tr[data-pk]");
    if (row && template) openPayee(row);
  });
  document.addEventListener("pointerdown", (event) => {
    if (box && !box.element.contains(event.target)) close();
  });

  if (undoLine) {
    undoLine.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form.dataset.undoUrl, { correction: undoLine.elements.correction.value });
    });
  }

  for (const all of form.querySelectorAll("[data-all]")) {
    all.addEventListener("change", () => {
      for (const tick of grid.querySelectorAll("input[name=row]")) tick.checked = all.checked;
    });
  }
  const fold = document.querySelector(".asked-fold[data-folded]");
  if (fold && matchMedia("(max-width: 560px)").matches) fold.open = false;
})();
