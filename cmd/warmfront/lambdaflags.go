package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/warmfront/warmfront/edge/lambda"
)

// lambdaFlags say which program each Lambda@Edge function is. What edges run is their
// operator's to say, never the API's.
type lambdaFlags struct {
	given, files []string
	processes    int
}

func (f *lambdaFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.given, "lambda", nil, "what a version of a Lambda@Edge function is, ARN=http://HOST:PORT/PATH or ARN=exec:COMMAND (the Lambda runtime API is served to it); may be repeated. Others are refused by the API")
	flags.StringArrayVar(&f.files, "lambda-file", nil, "a file of such lines")
}

// addProcesses adds the flag of those who run them.
func (f *lambdaFlags) addProcesses(flags *pflag.FlagSet) {
	flags.IntVar(&f.processes, "lambda-processes", 10, "processes of one function at a time, each with one event: more is LambdaLimitExceeded")
}

func (f *lambdaFlags) mapping() (lambda.Mapping, error) {
	if f.processes < 0 {
		return nil, fmt.Errorf("--lambda-processes %d: use 1 or more", f.processes)
	}
	return lambda.ReadMapping(f.given, f.files)
}
