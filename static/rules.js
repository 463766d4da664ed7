/* Rules move with Alt and the arrows; the buttons do the same without. */
"use strict";

document.addEventListener("keydown", (event) => {
  if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const row = event.target.closest(".rules tbody tr");
  const button = row && row.querySelector(`button[value*=":${event.key === "ArrowUp" ? "up" : "down"}:"]`);
  if (!button || button.disabled) return;
  event.preventDefault();
  button.click();
});
