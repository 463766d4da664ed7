/* The collection sheet: Enter goes down, "=" fills as due, each typed row is a draft at once, and stays on this device
   until the server has it. The page works without. */
"use strict";

(() => {
  const sheet = document.getElementById("sheet");
  const report = document.querySelector("[data-saved]");
  const first = sheet && sheet.dataset.kept;

  // ------------------------------------------------------------------ what this device holds until it is acknowledged
  const held = {
    read() {
      try {
        return JSON.parse(localStorage.getItem(first)) || {};
      } catch {
        return {};
      }
    },
    write(rows) {
      try {
        if (Object.keys(rows).length) localStorage.setItem(first, JSON.stringify(rows));
        else localStorage.removeItem(first);
      } catch {
        /* a browser that keeps nothing: the drafts on the server remain */
      }
    },
    put(pk, values) {
      const rows = this.read();
      rows[pk] = values;
      this.write(rows);
    },
    drop(pk, values) {
      const rows = this.read();
      if (!values || JSON.stringify(rows[pk]) === JSON.stringify(values)) delete rows[pk];
      this.write(rows);
    },
  };
  if (!sheet) return;

  // ------------------------------------------------------------------ money in whole paise, never a fraction
  function paise(text) {
    const match = /^(\d+)?(?:\.(\d{0,2}))?$/.exec(text.replace(/[,\s₹]/g, ""));
    if (!match || !(match[1] || match[2])) return null;
    return Number(match[1] || 0) * 100 + Number((match[2] || "").padEnd(2, "0"));
  }

  function rupees(amount) {
    const whole = String(Math.floor(Math.abs(amount) / 100));
    const head = whole.slice(0, -3).replace(/\B(?=(\d\d)+$)/g, ",");
    const shown = (head ? `${head},` : "") + whole.slice(-3) + "." + String(Math.abs(amount) % 100).padStart(2, "0");
    return (amount < 0 ? "−" : "") + shown;
  }

  // ------------------------------------------------------------------ rows
  const rows = [...sheet.querySelectorAll("[data-row]")].map((line) => {
    const pk = line.dataset.row;
    const named = (name) => sheet.elements[`${name}_${pk}`];
    return {
      line, pk, paid: named("paid"), mode: named("mode"), note: named("note"), how: named("how"),
      fault: line.querySelector(".fault"), due: line.dataset.due, sent: null, sure: named("sure"),
      ask: line.querySelector(".ask"),
    };
  });
  const byLine = new Map(rows.map((row) => [row.line, row]));
  const values = (row) => ({
    paid: row.paid.value.trim(), mode: row.mode.value, note: row.note.value.trim(), how: row.how ? row.how.value : "",
    sure: row.sure.checked ? row.sure.value : "",
  });

  function tell(row, sentence) {
    row.fault.textContent = sentence;
    row.fault.hidden = !sentence;
    row.line.classList.toggle("wrong", Boolean(sentence));
    row.paid.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  function judge(row) {
    const text = row.paid.value.trim();
    if (!text) tell(row, "");
    else if (paise(text) === null) tell(row, `'${text.slice(0, 40)}' is not an amount. Write it like 500 or 1,23,456.50.`);
    else if (row.how && !row.how.value) tell(row, "The day is filled already: choose add or replace.");
    else tell(row, "");
    forget(row);
  }

  // ------------------------------------------------------------------ a slip of the keyboard, asked about once
  function doubtOf(row) {
    const amount = row.paid.value.trim() ? paise(row.paid.value) : null;
    if (!amount || (row.how && !row.how.value)) return "";
    const end = row.how && row.how.value === "replace" ? "Instead" : "";
    const [owed, most, byNow] = ["owed", "most", "byNow"].map((name) => paise(row.line.dataset[name + end] || ""));
    if (owed === null) return "";
    if (amount > owed) return `${rupees(amount)} is more than all that is still to pay, ${rupees(owed)}.`;
    if (amount > most) return `${rupees(amount)} is more than ten times what is due, ${rupees(byNow)}.`;
    return "";
  }

  /* What was said yes to, or asked about, was another amount: it is neither any more. */
  function forget(row) {
    if (row.sure.value === rupees(paise(row.paid.value) || 0) && doubtOf(row)) return;
    row.ask.hidden = true;
    row.sure.checked = false;
  }

  /* Show the question about what stands in the row; whether it still waits for its yes. */
  function asks(row) {
    forget(row);
    const sentence = doubtOf(row);
    row.sure.value = rupees(paise(row.paid.value) || 0);
    row.ask.hidden = !sentence;
    row.ask.querySelector("span").textContent = sentence;
    return Boolean(sentence) && !row.sure.checked;
  }

  /* Enter on an amount: the first one asks and stays, the second says yes. */
  function isAnswered(row) {
    forget(row);
    const wasAsked = !row.ask.hidden;
    if (!asks(row)) return true;
    if (!wasAsked) return false;
    row.sure.checked = true;
    note(row);
    return true;
  }

  // ------------------------------------------------------------------ the running total
  const tally = sheet.querySelector("[data-tally]");
  const counted = sheet.querySelector("[data-counted]");
  const button = sheet.querySelector("[data-save-words]");

  function add() {
    let typed = 0, sum = 0, cash = 0;
    for (const row of rows) {
      const amount = row.paid.value.trim() ? paise(row.paid.value) : null;
      row.line.classList.toggle("typed", amount !== null);
      if (amount === null) continue;
      typed += 1;
      sum += amount;
      if (row.mode.value === "Cash") cash += amount;
    }
    tally.hidden = false;
    tally.querySelector("[data-typed]").textContent = `${typed} of ${rows.length}`;
    tally.querySelector("[data-sum]").textContent = rupees(sum);
    button.textContent = typed ? `Save ${typed} payment${typed === 1 ? "" : "s"}` : "Save";
    const off = counted.value.trim() ? paise(counted.value) : null;
    const said = tally.querySelector("[data-difference]");
    const by = off === null ? 0 : off - cash;
    said.textContent = off === null ? "" : by ? `${rupees(Math.abs(by))} ${by > 0 ? "too much" : "too little"}` : "agrees";
    said.className = by ? "chip warn" : "quiet";
  }

  // ------------------------------------------------------------------ drafts
  const status = sheet.querySelector("[data-drafts]");
  const waiting = new Set();
  let sending = false;

  function note(row) {
    judge(row);
    add();
    held.put(row.pk, values(row));
    waiting.add(row);
  }

  async function send() {
    if (sending) return;
    sending = true;
    for (const row of [...waiting]) {
      waiting.delete(row);
      const typed = values(row);
      const text = JSON.stringify(typed);
      if (text === row.sent) continue;
      const body = new URLSearchParams({ ...typed, tracker: row.pk, date: sheet.elements.date.value });
      const answer = await fetch(sheet.dataset.draft, {
        method: "POST", body, headers: { "X-CSRFToken": sheet.elements.csrfmiddlewaretoken.value },
      }).catch(() => null);
      if (answer && answer.ok && !answer.redirected) {
        row.sent = text;
        held.drop(row.pk, typed);
        status.textContent = `saved drafts ${(await answer.json()).kept} · nothing is lost if the light goes`;
      } else if (answer && answer.status === 422) {
        tell(row, (await answer.json()).error);
      } else {
        waiting.add(row);
        status.textContent = "no connection · kept on this device, sent when it is back";
        break;
      }
    }
    sending = false;
  }

  // ------------------------------------------------------------------ the keyboard
  function go(row, step) {
    const next = rows[rows.indexOf(row) + step];
    if (next) {
      next.paid.focus();
      next.paid.select();
    } else if (step > 0) sheet.querySelector("[data-save]").focus();
  }

  sheet.addEventListener("keydown", (event) => {
    const row = byLine.get(event.target.closest("[data-row]"));
    if (!row || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const inSelect = event.target.tagName === "SELECT";
    if (event.key === "=" && event.target === row.paid) {
      event.preventDefault();
      if (paise(row.due)) row.paid.value = rupees(paise(row.due)).replace(/\.00$/, "");
      else tell(row, "Nothing falls due on this day; type the amount.");
      if (paise(row.due)) note(row);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (event.target === row.paid && row.how && row.paid.value.trim() && !row.how.value) row.how.focus();
      else if ((event.target !== row.paid && event.target !== row.how) || isAnswered(row)) go(row, 1);
      send();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !inSelect) {
      event.preventDefault();
      go(row, event.key === "ArrowDown" ? 1 : -1);
    }
  });
  sheet.addEventListener("input", (event) => {
    const row = byLine.get(event.target.closest("[data-row]"));
    if (row) note(row);
    else if (event.target === counted) add();
  });
  sheet.addEventListener("change", (event) => {
    const row = byLine.get(event.target.closest("[data-row]"));
    if (row) asks(row);
    send();
  });
  addEventListener("online", send);
  setInterval(() => waiting.size && send(), 4000);

  sheet.addEventListener("submit", (event) => {
    if (!navigator.onLine) {
      event.preventDefault();
      event.stopPropagation();
      status.textContent = "no connection · kept on this device; save when it is back";
      return;
    }
    waiting.clear(); // what is saved now must not come back as a draft
    for (const row of rows) held.put(row.pk, values(row));
    for (const row of rows) {
      if (row.paid.value.trim()) continue;
      held.drop(row.pk);
      for (const box of [row.paid, row.mode, row.note, row.how, row.sure]) if (box) box.disabled = true; // an empty row says nothing
    }
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) for (const box of sheet.elements) box.disabled = false;
  });

  // ------------------------------------------------------------------ as it was left
  for (const pk of report ? report.dataset.saved.split(" ") : []) if (pk) held.drop(pk);
  const left = held.read();
  for (const row of rows) {
    row.sent = row.paid.value || row.note.value ? JSON.stringify(values(row)) : null;
    const kept = left[row.pk];
    if (!kept) {
      asks(row);
      continue;
    }
    if (row.how) row.how.value = kept.how;
    row.paid.value = kept.paid;
    row.mode.value = kept.mode;
    row.note.value = kept.note;
    if (asks(row) && kept.sure === row.sure.value) row.sure.checked = true;
    waiting.add(row);
    judge(row);
  }
  add();
  send();
  const wrong = rows.find((row) => row.line.classList.contains("wrong"));
  const open = wrong || rows.find((row) => !row.paid.value.trim() && !row.how);
  if (open && !sheet.querySelector("[autofocus]") && matchMedia("(min-width: 901px)").matches) open.paid.focus();
})();
