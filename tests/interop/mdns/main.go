// The other side of the tests of mDNS: the resolver of the reference, as published, and the library below it.
//
//	mdns serve ID ADDRESS PORT    registers as the reference does; prints "ready"; says goodbye at SIGTERM
//	mdns serve ID ADDRESS,... PORT  the same with several addresses, by the library alone
//	mdns browse ID SECONDS        prints each entry that the library delivers, as JSON
//	mdns resolve ADDRESS          registers as "asker", then reads ids from stdin and prints for each "ok ADDRESS" or "error TEXT"
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dapr/components-contrib/nameresolution"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	"github.com/dapr/kit/logger"
	"github.com/grandcat/zeroconf"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func registered(id, address string, port int) nameresolution.Resolver {
	resolver := mdns.NewResolver(logger.NewLogger("mdns"))
	fail(resolver.Init(context.Background(), nameresolution.Metadata{
		Instance: nameresolution.Instance{AppID: id, Address: address, DaprInternalPort: port},
	}))
	return resolver
}

func serve(id string, addresses []string, port int) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if len(addresses) == 1 {
		resolver := registered(id, addresses[0], port)
		fmt.Println("ready")
		<-stop
		fail(resolver.Close())
		return
	}
	host, err := os.Hostname()
	fail(err)
	server, err := zeroconf.RegisterProxy(host+":"+strconv.Itoa(os.Getpid()), id, "local.", port, host, addresses, []string{id}, nil)
	fail(err)
	fmt.Println("ready")
	<-stop
	server.Shutdown()
}

func browse(id string, seconds int) {
	resolver, err := zeroconf.NewResolver(zeroconf.SelectIPTraffic(zeroconf.IPv4AndIPv6))
	fail(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry)
	fail(resolver.Browse(ctx, id, "local.", entries))
	for entry := range entries {
		line, err := json.Marshal(map[string]any{
			"instance": entry.Instance, "host": entry.HostName, "port": entry.Port, "text": entry.Text, "ttl": entry.TTL,
			"ip4": entry.AddrIPv4, "ip6": entry.AddrIPv6,
		})
		fail(err)
		fmt.Println(string(line))
	}
}

func resolve(address string) {
	resolver := registered("asker", address, 1)
	fmt.Println("ready")
	for ids := bufio.NewScanner(os.Stdin); ids.Scan(); {
		found, err := resolver.ResolveID(context.Background(), nameresolution.ResolveRequest{ID: ids.Text()})
		if err != nil {
			fmt.Println("error", err)
		} else {
			fmt.Println("ok", found)
		}
	}
	fail(resolver.Close())
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	fail(err)
	return value
}

func main() {
	words := append(os.Args[1:], "", "", "", "")
	switch words[0] {
	case "serve":
		serve(words[1], strings.Split(words[2], ","), number(words[3]))
	case "browse":
		browse(words[1], number(words[2]))
	case "resolve":
		resolve(words[1])
	default:
		fail(fmt.Errorf("usage: mdns serve|browse|resolve"))
	}
}
