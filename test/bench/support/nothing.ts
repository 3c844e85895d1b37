/** Does nothing until its parent is gone. */
process.on('disconnect', () => process.exit());
process.channel?.ref();
