// Two sounds: an alarm nobody has taken over, and a lost connection. Browsers allow sound only after a first tap.
let context = null;
let timer = null;
let wanted = "none";

export function isOn() {
  return context !== null && context.state === "running";
}

export async function turnOn() {
  context ??= new AudioContext();
  await context.resume();
  beep(660, 0, 0.08);
}

// want: "alarm", "lost" or "none".
export function want(sound) {
  if (sound === wanted) return;
  wanted = sound;
  clearInterval(timer);
  timer = null;
  if (sound === "none") return;
  const play = sound === "alarm" ? playAlarm : playLost;
  play();
  timer = setInterval(play, sound === "alarm" ? 1500 : 10000);
}

function playAlarm() {
  beep(880, 0, 0.18);
  beep(660, 0.22, 0.18);
  beep(880, 0.44, 0.18);
}

function playLost() {
  beep(330, 0, 0.25);
  beep(220, 0.3, 0.35);
}

function beep(hz, after_s, long_s) {
  if (!isOn()) return;
  const tone = context.createOscillator();
  const level = context.createGain();
  const start = context.currentTime + after_s;
  tone.frequency.value = hz;
  tone.type = "square";
  level.gain.setValueAtTime(0, start);
  level.gain.linearRampToValueAtTime(0.2, start + 0.01);
  level.gain.setValueAtTime(0.2, start + long_s - 0.02);
  level.gain.linearRampToValueAtTime(0, start + long_s);
  tone.connect(level).connect(context.destination);
  tone.start(start);
  tone.stop(start + long_s);
}
