// Owns: the chat panel: what was said, one's own words on their way, words that were refused.
// What people write becomes text nodes and nothing else.

import { byId, element, onceAFrame, safeColor } from './dom.js';

const TOGETHER = 5 * 60_000; // ms within which one person's messages share a heading
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function showChat(session, { isOpen }) {
  const { replica } = session;
  const log = byId('chat-log');
  const text = byId('chat-text');
  const refused = new Map(); // edit id → { text, message }
  const drawn = new Map(); // message id → element
  let unread = 0;
  let known = null;

  const refresh = onceAFrame(draw);
  replica.on('chat', refresh);
  replica.on('users', refresh);
  session.on('refused', ({ entry, message }) => {
    if (entry?.type !== 'chat:message') return;
    refused.set(entry.id, { text: entry.data.text, message });
    refresh();
  });

  function draw() {
    const messages = [...replica.chat.values()];
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    count(messages);
    for (const [id, node] of drawn) {
      if (replica.chat.has(id)) continue;
      node.remove();
      drawn.delete(id);
    }
    // Only new nodes enter the log: a reader that follows `aria-live` would say all of it again.
    for (const node of log.querySelectorAll('.pending, .refused, .chat-empty')) node.remove();
    messages.forEach((message, i) => {
      if (drawn.has(message.id)) return;
      const node = line(message, messages[i - 1]);
      drawn.set(message.id, node);
      log.append(node);
    });
    for (const { data } of session.unsaid) log.append(bubble('mine pending', data.text, 'sending'));
    for (const [id, entry] of refused) log.append(refusal(id, entry));
    if (log.children.length === 0) log.append(element('p', { className: 'chat-empty', text: 'Nobody has said anything yet. What you write stays here for whoever comes later.' }));
    const own = messages.at(-1) && isMine(messages.at(-1));
    if (atEnd || own || session.unsaid.length > 0) log.scrollTop = log.scrollHeight;
  }

  function isMine(message) {
    // Not by `clientId`: old messages bear those of clients long gone.
    return message.userId === replica.users.get(replica.me)?.userId;
  }

  function line(message, before) {
    const mine = isMine(message);
    const follows = before && before.userId === message.userId && before.name === message.name && message.timestamp - before.timestamp < TOGETHER;
    const node = bubble(mine ? 'mine' : '', message.text);
    if (follows) return node;
    const name = element('b', { text: mine ? 'You' : message.name, dir: 'auto' });
    const dot = element('i');
    dot.style.background = safeColor(message.color);
    const time = message.timestamp ? element('time', { text: clock.format(message.timestamp) }) : '';
    node.prepend(element('p', { className: 'said-by' }, dot, name, time));
    return node;
  }

  function bubble(kind, words, note) {
    const node = element('div', { className: `said ${kind}` }, element('p', { className: 'words', text: words, dir: 'auto' }));
    if (note) node.append(element('p', { className: 'said-note', text: note }));
    return node;
  }

  function refusal(id, entry) {
    const node = bubble('mine refused', entry.text, entry.message);
    const button = (label, act) => {
      const control = element('button', { type: 'button', className: 'link', text: label });
      control.addEventListener('click', () => {
        refused.delete(id);
        act();
        refresh();
      });
      return control;
    };
    node.lastChild.append(' ', button('Send again', () => session.say(entry.text)), ' ', button('Drop', () => {}));
    return node;
  }

  function count(messages) {
    const last = messages.at(-1);
    if (known !== null && !isOpen()) {
      const from = messages.findIndex((message) => message.id === known) + 1;
      unread += messages.slice(from).filter((message) => !drawn.has(message.id) && !isMine(message)).length;
    }
    if (replica.seq !== null) known = last ? last.id : ''; // the history one arrives to is not news
    showUnread();
  }

  function showUnread() {
    const badge = byId('unread');
    badge.hidden = unread === 0;
    badge.textContent = unread > 9 ? '9+' : String(unread);
  }

  function fitText() {
    text.style.height = 'auto';
    text.style.height = `${Math.min(text.scrollHeight, 120)}px`;
  }

  function say() {
    const words = text.value.trim();
    if (words === '') return;
    session.say(words);
    text.value = '';
    fitText();
  }

  byId('chat-form').addEventListener('submit', (event) => {
    event.preventDefault();
    say();
  });
  text.addEventListener('input', fitText);
  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say();
  });
  refresh();

  return {
    opened() {
      unread = 0;
      showUnread();
      log.scrollTop = log.scrollHeight;
    },
  };
}
