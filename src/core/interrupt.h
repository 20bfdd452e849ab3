// What is put in order when Ctrl-C or SIGTERM ends the program.
#pragma once

namespace orrery {

// `clean` runs once, in the signal's handler: it may call only what is safe there. At most 8 are kept.
void at_interrupt(void (*clean)());

}  // namespace orrery
