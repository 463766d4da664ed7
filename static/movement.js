/* Typing entries: subcategories used before, the account a payment mode pays into, the first fault in focus. */
"use strict";

(() => {
  const form = document.querySelector("form.movement");
  if (!form) return;

  const fault = form.querySelector("[aria-invalid=true]");
  if (fault) fault.focus();

  const { category, payment_mode: mode, account } = form.elements;
  const offers = document.getElementById("subcategories");
  const seen = new Map();

  async function offerSubcategories() {
    const id = category.value;
    if (!seen.has(id)) {
      const address = `${form.dataset.subcategories}?category=${encodeURIComponent(id)}`;
      const answer = id ? await fetch(address).catch(() => null) : null;
      seen.set(id, answer && answer.ok ? (await answer.json()).subcategories : []);
    }
    if (id !== category.value) return; // another category was chosen while this one's were on their way
    offers.replaceChildren(...seen.get(id).map((name) => new Option("", name)));
  }

  const modes = document.getElementById("mode-accounts");
  function nameTheAccount() {
    const byMode = account.querySelector('option[value=""]');
    const name = JSON.parse(modes.textContent)[mode.value];
    if (byMode) byMode.textContent = name ? `${name}, by payment mode` : "By payment mode";
  }

  if (category && offers) {
    category.addEventListener("change", offerSubcategories);
    offerSubcategories();
  }
  if (mode && modes) {
    mode.addEventListener("change", nameTheAccount);
    nameTheAccount();
  }
})();

/* The questions above a list fold away on a phone. */
(() => {
  const fold = document.querySelector(".asked-fold[data-folded]");
  if (fold && window.matchMedia("(max-width: 560px)").matches) fold.open = false;
})();
