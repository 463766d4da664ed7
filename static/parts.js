/* The parts of a transaction: what is left of its amount while they are typed. */
"use strict";

(() => {
  const form = document.querySelector("[data-parts]");
  if (!form) return;
  const paise = (text) => {
    const plain = text.replace(/[,₹\s]/g, "");
    return /^\d+(\.\d{1,2})?$/.test(plain) ? Math.round(Number(plain) * 100) : plain ? NaN : 0;
  };
  const whole = paise(form.dataset.parts);
  const told = form.querySelector("[data-left]");

  function tell() {
    const parts = [...form.querySelectorAll("[name=part_amount]")].map((input) => paise(input.value));
    const left = whole - parts.reduce((sum, part) => sum + part, 0);
    const amount = (Math.abs(left) / 100).toLocaleString("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    if (!parts.some((part) => part)) told.textContent = "";
    else if (Number.isNaN(left)) told.textContent = "a part is no amount";
    else told.textContent = left === 0 ? "adds up" : left > 0 ? `${amount} left` : `${amount} too much`;
  }

  form.addEventListener("input", tell);
  tell();
})();
