// Reads the number of a tag with the phone's NFC reader, where the browser has one (Chrome on Android). It fills the number field of
// its form, says that the number comes from Web NFC, whose order of bytes is its own, and sends the form. Tags without NDEF data,
// as most access fobs are, deliver no number here: then the page says what else to do.
let reading = false;

async function listen(start) {
  const form = start.closest('form');
  const status = form.querySelector('[data-nfc-status]');
  const say = (word) => { status.textContent = status.dataset[word]; };
  if (reading) return;
  reading = true;
  const reader = new window.NDEFReader();
  reader.addEventListener('readingerror', () => say('unreadable'));
  reader.addEventListener('reading', (event) => {
    if (!event.serialNumber) {
      say('unreadable');
      return;
    }
    navigator.vibrate?.(60);
    form.querySelector('[data-number]').value = event.serialNumber;
    form.querySelector('[data-hint]').value = 'webnfc';
    form.requestSubmit();
  });
  try {
    await reader.scan();
    start.hidden = true;
    say('ready');
  } catch {
    reading = false;
    say('denied');
  }
}

if ('NDEFReader' in window) {
  for (const box of document.querySelectorAll('[data-nfc]')) {
    box.hidden = false;
    const start = box.querySelector('[data-nfc-start]');
    start.addEventListener('click', () => listen(start));
  }
}
