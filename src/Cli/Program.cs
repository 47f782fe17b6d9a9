using StreamDiff.Pipeline.Verification;
StreamDiff.Models.Native.LibTorch.Load();
var ok = true;
foreach (var r in GoldenVerifier.Run(args[1], TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.Float32)) { Console.WriteLine(r); ok &= r.Passed; }
return ok ? 0 : 1;
