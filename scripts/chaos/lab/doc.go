// Package lab is a machine room that leaves nothing behind: Linux namespaces in which real processes run, are cut off
// from one another, stopped, killed, given full disks, older disks and wrong clocks.
//
// [Enter] runs the program again as the first process of namespaces of its own, for processes, mounts and the
// network. Everything a run makes (network namespaces, the bridge between them, packet filters, disks, processes) is
// inside, and the kernel removes it with that process, however that ends: there is nothing to clean up after a crash.
// Nothing of the host's network is touched, so a Docker engine on the host makes no difference. It needs Linux, root
// (CAP_SYS_ADMIN), iproute2 and iptables.
package lab
