/** Whether `topic` is one that `filter` asks for: `+` is one level, a final `#` any number (MQTT 5 section 4.7). */
export function matchesTopic(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  // Topics such as $aws/… are not meant by a leading wildcard (section 4.7.2).
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}
