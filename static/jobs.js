// A page that waits for a job asks how far it is, and loads itself anew when the job needs somebody or is over.
"use strict";
for (const box of document.querySelectorAll("[data-progress-url]")) {
  const meter = box.querySelector("progress");
  const words = box.querySelector("[data-progress-words]");
  const ask = async () => {
    try {
      const answer = await fetch(box.dataset.progressUrl, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const job = await answer.json();
        if (!job.busy) return location.reload();
        if (job.done) {
          meter.max = job.total;
          meter.value = Math.min(job.done, job.total);
        }
        words.textContent = job.words;
      }
    } catch { /* the network is away: ask again */ }
    return setTimeout(ask, 1000);
  };
  setTimeout(ask, 500);
}
