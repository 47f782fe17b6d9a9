using StreamDiff.Repository.Tests.Architecture;

foreach (var use in CodeMap.Of.Uses)
    Console.WriteLine(use);
