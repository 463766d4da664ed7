// Keeps the last seen passbooks for when there is no network, and forgets them once nobody is logged in.
// The pages work without it.
if ("serviceWorker" in navigator) {
  if (document.body.classList.contains("outside")) {
    caches.delete("passbooks");
  } else {
    const isFirst = !navigator.serviceWorker.controller;
    navigator.serviceWorker.register("/passbook/worker.js", { updateViaCache: "none" });
    if (isFirst) {
      // This very page came before the worker was there to see it: it is asked for once more, to be kept.
      navigator.serviceWorker.addEventListener("controllerchange", () => {
        const parts = [...document.querySelectorAll("link[rel=stylesheet], script[src], img, link[rel=icon]")];
        for (const address of new Set([location.href, ...parts.map((part) => part.src || part.href)])) fetch(address);
      });
    }
  }
}
