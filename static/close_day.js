/* The count at closing: notes add up, the difference shows at once. The server reckons again; the page works without. */
"use strict";

(() => {
  // Whole paise, never a fraction: "1,23,456.5" -> 12345650; null for what is no amount.
  function paise(text) {
    const match = /^(-?)(\d+)(?:\.(\d{0,2}))?$/.exec(text.replace(/[,\s₹]/g, "").replace("−", "-"));
    if (!match) return null;
    const whole = Number(match[2]) * 100 + Number((match[3] || "").padEnd(2, "0"));
    return match[1] ? -whole : whole;
  }

  function rupees(amount) {
    const whole = String(Math.floor(Math.abs(amount) / 100));
    const tail = whole.slice(-3);
    const head = whole.slice(0, -3).replace(/\B(?=(\d\d)+$)/g, ",");
    return (head ? `${head},` : "") + tail + "." + String(Math.abs(amount) % 100).padStart(2, "0");
  }

  function show(section) {
    const counted = section.querySelector("input.money");
    const difference = section.querySelector("[data-difference]");
    const amount = counted.value.trim() ? paise(counted.value) : null;
    const charged = section.querySelector("[data-charged]");
    const off = amount === null ? null : amount - paise(section.dataset.expected);
    difference.textContent = off === null ? "–" : (off > 0 ? "+" : off < 0 ? "−" : "") + rupees(off);
    section.classList.toggle("differs", Boolean(off));
    section.classList.toggle("agrees", off === 0);
    if (charged) charged.hidden = !off;
  }

  function add(section) {
    const boxes = [...section.querySelectorAll("[data-note]")];
    if (boxes.every((box) => box.value.trim() === "")) return;
    const sum = boxes.reduce((total, box) => total + Number(box.dataset.note) * (Number(box.value) || 0), 0);
    section.querySelector("input.money").value = rupees(sum * 100);
  }

  for (const section of document.querySelectorAll("[data-count]")) {
    section.addEventListener("input", (event) => {
      if (event.target.dataset.note) add(section);
      show(section);
    });
    show(section);
  }
})();
