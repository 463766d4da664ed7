/* Credits and collections ticked by hand: their sums, while one ticks. The server adds up for itself. */
"use strict";

for (const form of document.querySelectorAll("[data-match]")) {
  const words = form.querySelector("[data-sums]");
  if (!words) continue;
  const hint = words.textContent;
  const paise = (box) => BigInt(box.dataset.amount.replace(".", ""));
  const shown = (sum) => {
    const [rupees, rest] = [sum / 100n, String(sum % 100n).padStart(2, "0")];
    return `${rupees.toLocaleString("en-IN")}.${rest}`;
  };
  form.addEventListener("change", () => {
    const ticked = (name) => [...form.querySelectorAll(`input[name=${name}]:checked`)];
    const sum = (boxes) => boxes.reduce((total, box) => total + paise(box), 0n);
    const [credits, entries] = [ticked("credit"), ticked("entry")];
    const apart = sum(credits) - sum(entries);
    words.textContent = credits.length + entries.length
      ? `${credits.length} credits ${shown(sum(credits))} · ${entries.length} collections ${shown(sum(entries))}${apart ? ` · ${shown(apart < 0n ? -apart : apart)} apart` : " · they agree"}`
      : hint;
  });
}
