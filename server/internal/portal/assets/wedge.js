// Takes the readings of a keyboard-wedge reader, one after another, without a new page for each, so that no key is lost while a page
// loads over a slow network: what is around the field is exchanged, the field itself stays. Without this script each Enter sends the
// form, and the page comes back with the field ready.
const waiting = [];
let busy = false;

const form = () => document.querySelector('[data-find-form]');
const field = () => form()?.querySelector('[data-number]');

function focus() {
  field()?.focus({ preventScroll: true });
}

function show(fresh) {
  const ticks = fresh.querySelector('[data-find-form] [name=ticks]');
  if (!ticks) {
    document.querySelector('[data-find]').replaceWith(document.adoptNode(fresh));
    return;
  }
  form().elements.ticks.value = ticks.value;
  for (const part of document.querySelectorAll('[data-find-part]')) {
    part.replaceWith(document.adoptNode(fresh.querySelector(`[data-find-part="${part.dataset.findPart}"]`)));
  }
}

async function work() {
  while (waiting.length > 0 && form()) {
    const body = new URLSearchParams(new FormData(form()));
    body.set('number', waiting[0].number);
    body.set('hint', waiting[0].hint);
    const answer = await fetch(form().action, { method: 'POST', body, headers: { Accept: 'text/html' } });
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('[data-find]');
    if (!fresh) throw new Error('another page');
    waiting.shift();
    show(fresh);
    // A question is answered before anything else is read.
    if (document.querySelector('[data-find-ask]')) waiting.length = 0;
  }
  waiting.length = 0;
  const words = ['[data-find-said]', '[data-find-count]'].map((part) => document.querySelector(part)?.innerText || '');
  document.querySelector('[data-find-status]').textContent = words.join(' ');
  document.querySelector('[data-find-ask], #result')?.scrollIntoView({ block: 'nearest' });
}

// Signed out, or no network: the form goes the plain way, and the page that comes says what is wrong.
function giveUp() {
  const [lost] = waiting;
  waiting.length = 0;
  if (!lost || !form()) return;
  field().value = lost.number;
  form().elements.hint.value = lost.hint;
  form().submit();
}

document.addEventListener('submit', (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  const hint = form().elements.hint;
  if (field().value.trim()) waiting.push({ number: field().value, hint: hint.value });
  field().value = '';
  hint.value = '';
  focus();
  if (busy || waiting.length === 0) return;
  busy = true;
  work().catch(giveUp).finally(() => { busy = false; });
});

// A wedge types wherever the focus is: what is typed at the page itself is for the field.
document.addEventListener('keydown', (event) => {
  if (event.key.length !== 1 || event.ctrlKey || event.altKey || event.metaKey) return;
  if (document.activeElement === document.body || document.activeElement?.id === 'main') focus();
});
