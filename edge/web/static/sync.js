// The exchange with the centre: asks how far it is, and draws the page anew when more than the bytes have changed.
// Both say that nobody did anything (`watched`), so that a page left open keeps no session open.

const sync = document.querySelector("[data-sync]");

function show(told) {
  const bar = sync.querySelector("progress");
  if (bar && told.size) {
    bar.max = told.size;
    bar.value = told.done;
  }
  const words = sync.querySelector("[data-words]");
  if (words && words.textContent !== told.words) words.textContent = told.words;
  for (const [span, [sum, parts]] of Object.entries(told.used)) {
    const place = document.querySelector(`[data-used="${span}"]`);
    if (!place || place.textContent === sum) continue;
    place.textContent = sum;
    place.nextElementSibling.textContent = parts;
  }
  for (const bundle of told.bundles) {
    const row = document.getElementById(`bundle-${bundle.id}`);
    if (!row) continue;
    row.querySelector("progress").value = bundle.done;
    row.querySelector("[data-reached]").textContent = bundle.words;
  }
}

async function look() {
  const answer = await fetch(sync.dataset.sync, { headers: { Accept: "application/json" } });
  if (!answer.ok || answer.redirected) return location.reload();
  const told = await answer.json();
  if (told.stamp !== sync.dataset.stamp) return location.replace(`${location.pathname}?watched=1`);
  if (told.going_on) show(told);
  setTimeout(again, told.going_on ? 500 : 4000);
}

// A node that is away for a moment is asked again.
const again = () => look().catch(() => setTimeout(again, 2000));
if (sync) setTimeout(again, 500);
