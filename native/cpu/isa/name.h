#pragma once

/// DND_ISA as text: what a table of kernels is called by.
#define DND_TEXT_OF(isa) #isa
#define DND_TEXT(isa) DND_TEXT_OF(isa)
#define DND_ISA_NAME DND_TEXT(DND_ISA)
