// The passbooks' service worker: always the network first; without it the last copy, which then says when it was made.
const KEPT = "passbooks", MOST = 60;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event, address = new URL(request.url);
  if (address.origin !== self.location.origin) return;
  if (request.method === "POST") {
    // Whoever logs out leaves nothing behind, with or without a network.
    if (address.pathname.endsWith("/log-out/")) {
      event.respondWith(caches.delete(KEPT).then(() => fetch(request)));
    }
    return;
  }
  if (request.method === "GET") event.respondWith(fetched(request, event));
});

async function fetched(request, event) {
  let answer;
  try {
    answer = await fetch(request);
  } catch (fault) {
    const kept = await caches.match(request, { cacheName: KEPT, ignoreVary: true });
    if (kept) return isPage(kept) ? marked(kept) : kept;
    const home = request.mode === "navigate" && (await caches.match("/passbook/", { cacheName: KEPT, ignoreVary: true }));
    if (home) return marked(home);
    throw fault;
  }
  if (answer.redirected || answer.type === "opaqueredirect") {
    event.waitUntil(caches.delete(KEPT)); // led to the log-in: the session is over, here or everywhere
  } else if (answer.ok && (isPage(answer) || new URL(request.url).pathname.startsWith("/static/"))) {
    event.waitUntil(keep(request, answer.clone()));
  }
  return answer;
}

function isPage(answer) {
  return (answer.headers.get("Content-Type") || "").startsWith("text/html");
}

async function keep(request, answer) {
  const cache = await caches.open(KEPT);
  await cache.put(request, answer);
  const names = await cache.keys();
  for (const name of names.slice(0, Math.max(0, names.length - MOST))) await cache.delete(name);
}

// The page brings the sentence that says when it was made, hidden.
async function marked(answer) {
  const text = (await answer.text()).replace(/(class="note warn offline" role="status") hidden/, "$1");
  return new Response(text, { headers: answer.headers });
}
