// Makes chosen photos smaller before they are sent, as the server would do anyway, so that five of them pass over a phone
// network, and shows them. Where that fails the files are sent as they are.
const longest = 2048;

async function smaller(file) {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.85));
    if (!blob || blob.size >= file.size) return file;
    return new File([blob], 'photo.jpg', { type: 'image/jpeg' });
  } catch {
    return file;
  }
}

function show(thumbs, files) {
  thumbs.querySelectorAll('img').forEach((img) => URL.revokeObjectURL(img.src));
  thumbs.replaceChildren(...files.map((file) => {
    const img = document.createElement('img');
    img.alt = '';
    img.src = URL.createObjectURL(file);
    return img;
  }));
}

for (const form of document.querySelectorAll('form[data-photos]')) {
  const input = form.querySelector('input[type=file]');
  const thumbs = form.querySelector('[data-thumbs]');
  let shrinking = null;
  input?.addEventListener('change', () => {
    const chosen = [...input.files];
    const most = Number(input.dataset.max || 1);
    input.setCustomValidity(chosen.length > most ? input.dataset.tooMany || '' : '');
    const mine = Promise.all(chosen.map(smaller)).then((files) => {
      if (mine !== shrinking) return;
      const list = new DataTransfer();
      files.forEach((file) => list.items.add(file));
      input.files = list.files;
      show(thumbs, files);
    }).catch(() => {}).finally(() => {
      if (mine === shrinking) shrinking = null;
    });
    shrinking = mine;
  });
  // Sent too early, the form waits; it goes out in a task of its own, because a form cannot be sent while its submit event runs.
  form.addEventListener('submit', (event) => {
    if (!shrinking) return;
    event.preventDefault();
    const button = event.submitter;
    shrinking.then(() => setTimeout(() => form.requestSubmit(button)));
  });
}
