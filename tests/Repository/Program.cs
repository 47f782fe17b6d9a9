using StreamDiff.Repository.Tests.Architecture;

File.WriteAllText(ArchitecturePicture.File, ArchitecturePicture.Draw(CodeMap.Of.Uses));
