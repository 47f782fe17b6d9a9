using StreamDiff.Repository.Tests;
using StreamDiff.Repository.Tests.Architecture;

if (args is ["figures", .. var folders])
    CodeFigures.Print(folders);
else
    File.WriteAllText(ArchitecturePicture.File, ArchitecturePicture.Draw(CodeMap.Of.Uses));
