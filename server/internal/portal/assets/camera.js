// Reads labels with the live camera where the browser can find QR codes itself. Without that the page stays as it is: a photo
// is decoded by the server, and a code can be typed.
const box = document.querySelector('[data-camera]');
const form = document.querySelector('[data-scan-form]');

async function canRead() {
  if (!('BarcodeDetector' in window) || !navigator.mediaDevices?.getUserMedia) return false;
  const formats = await window.BarcodeDetector.getSupportedFormats();
  return formats.includes('qr_code');
}

function open(payload) {
  form.elements.payload.value = payload;
  form.elements.source.value = 'qr';
  form.requestSubmit();
}

async function start(video, say) {
  const detector = new window.BarcodeDetector({ formats: ['qr_code'] });
  video.srcObject = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: 'environment' } });
  await video.play();
  say(box.querySelector('[data-camera-status]').dataset.looking);
  const stop = () => video.srcObject?.getTracks().forEach((track) => track.stop());
  window.addEventListener('pagehide', stop, { once: true });
  const look = async () => {
    const found = await detector.detect(video).catch(() => []);
    const text = found.map((code) => code.rawValue).find((value) => value);
    if (text) {
      stop();
      navigator.vibrate?.(60);
      open(text);
      return;
    }
    setTimeout(look, 120);
  };
  look();
}

if (box && form && (await canRead().catch(() => false))) {
  const status = box.querySelector('[data-camera-status]');
  const button = box.querySelector('[data-camera-start]');
  const say = (text) => { status.textContent = text; };
  box.hidden = false;
  button.addEventListener('click', async () => {
    button.hidden = true;
    try {
      await start(box.querySelector('video'), say);
    } catch {
      button.hidden = false;
      say(status.dataset.denied);
    }
  });
}
