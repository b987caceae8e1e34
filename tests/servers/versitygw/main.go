// Versity's gateway, a server of the protocol of S3 over a folder whose folders are its buckets.
// Usage: versitygw ADDRESS KEY SECRET FOLDER
package main

import (
	"context"
	"log"
	"os"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: versitygw ADDRESS KEY SECRET FOLDER")
	}
	objects, err := posix.New(os.Args[4], meta.XattrMeta{}, posix.PosixOpts{})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(embedgw.RunVersityGW(context.Background(), objects, &embedgw.Config{
		RootUserAccess: os.Args[2], RootUserSecret: os.Args[3], Region: "us-east-1", Ports: []string{os.Args[1]},
		MaxConnections: 100, MaxRequests: 100, MultipartMaxParts: 10000, Quiet: true,
	}))
}
