/* The grid of transactions: one tick for all, j and k to move, x to tick, t to the tag. It works without. */
"use strict";

(() => {
  const all = document.querySelector("[data-all]");
  const rows = [...document.querySelectorAll(".grid tbody tr")];
  const boxOf = (row) => row.querySelector("input[name=row]");
  let at = -1;

  if (all) all.addEventListener("change", () => rows.forEach((row) => (boxOf(row).checked = all.checked)));

  function move(step) {
    if (!rows.length) return;
    at = Math.min(Math.max(at + step, 0), rows.length - 1);
    rows.forEach((row, number) => row.classList.toggle("selected", number === at));
    rows[at].scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "x" && at >= 0 && boxOf(rows[at])) boxOf(rows[at]).checked = !boxOf(rows[at]).checked;
    else if (event.key === "t" && document.getElementById("grid-tag")) document.getElementById("grid-tag").focus();
    else return;
    event.preventDefault();
  });
})();
