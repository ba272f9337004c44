// Package viewer is the viewer's side of the network: what someone in another
// city does, done from here.
//
// [Resolver] asks the network's routers for a name as a resolver in the viewer's
// network would, with the viewer's subnet (RFC 7871). [Network.Dial] connects to
// the edge it is given and hands on the viewer's address in an authenticated
// PROXY protocol header, so that the edge and the delay model see the viewer and
// not this process. [Proxy] offers that to any client that can use an HTTP proxy;
// [FrontDoor] to clients that know of nothing, as a viewer at home.
//
// Neither connects anywhere but to addresses the routers gave for names they
// serve, on the two ports of the web: they are no way into other networks.
package viewer
