// Owns: how following looks: the frame in their colour, its words, the way out; and its steps with each drawing.

import { announce, byId, inkOn, safeColor } from './dom.js';
import { toast } from './toasts.js';

export function showFollowing({ follow, replica, canvas }) {
  const frame = byId('following');
  const words = byId('following-text');
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  let name = '';

  function draw() {
    const user = replica.users.get(follow.whom);
    frame.hidden = !user;
    if (!user) return;
    name = user.name;
    words.textContent = `Following ${name}`;
    frame.style.setProperty('--theirs', safeColor(user.color));
    frame.style.setProperty('--on-theirs', inkOn(user.color));
  }
  follow.on('change', ({ whom, left }) => {
    draw();
    if (whom !== null) {
      announce(`Following ${name}. Escape stops.`);
      canvas.invalidate();
    } else if (left) toast(`${name} has left.`);
    else announce('No longer following.');
  });
  replica.on('users', draw);
  replica.on('viewport', (clientId) => { if (clientId === follow.whom) canvas.invalidate(); });
  byId('following-stop').addEventListener('click', () => follow.stop());

  return (passed) => follow.step(still.matches ? Infinity : passed);
}
